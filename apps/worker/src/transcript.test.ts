import type { ToldTurnEvent } from '@tidemark/client/worker';
import { describe, expect, test } from 'vitest';
import { transcriptOf } from './transcript.ts';

const events = (...told: readonly [string, object][]): readonly ToldTurnEvent[] =>
  told.map(([type, body], index) => ({
    id: `event-${index}`,
    seq: index + 1,
    type,
    body: body as ToldTurnEvent['body'],
  }));

const said = (text: string): [string, object] => ['user.message', { text }];
const answered = (text: string): [string, object] => ['agent.message', { text }];
const called = (id: string): [string, object] => [
  'tool.call',
  { call_id: id, tool: 'bash', args: { command: 'ls' } },
];
const result = (id: string, text: string): [string, object] => [
  'tool.result',
  { call_id: id, text, is_error: false },
];

describe('transcriptOf', () => {
  test('puts what one side said in a row into one message', () => {
    const told = events(
      said('one'),
      ['turn.started', {}],
      answered('I look.'),
      called('a'),
      called('b'),
      result('a', 'A'),
      result('b', 'B'),
      answered('Done.'),
    );
    const roles = transcriptOf(told, 8).map(({ role, content }) => [role, content.length]);
    expect(roles).toEqual([
      ['user', 1],
      ['assistant', 3],
      ['user', 2],
      ['assistant', 1],
    ]);
  });

  test('leaves what the turn has not taken', () => {
    const told = events(said('one'), answered('yes'), said('two'));
    expect(transcriptOf(told, 1)).toHaveLength(2);
    expect(transcriptOf(told, 3)).toHaveLength(3);
  });

  test('puts results before what was said meanwhile', () => {
    const told = events(said('one'), called('a'), said('two'), result('a', 'A'));
    expect(
      transcriptOf(told, 4)
        .at(-1)
        ?.content.map(({ type }) => type),
    ).toEqual(['tool_result', 'text']);
  });

  test('leaves what has no words', () => {
    expect(transcriptOf(events(said('one'), answered(' '), said('two')), 3)).toHaveLength(1);
  });
});
