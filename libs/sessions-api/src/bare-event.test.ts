import { absentSession, decide, evolve, type StreamState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bareEvent } from './bare-event.ts';
import type { Fields } from './fields.ts';
import { isStamped } from './stored-events.ts';

function emptyStream(): StreamState {
  const state = absentSession('tenant', 'session');
  const create = { contentType: 'application/json', ttlMs: undefined, expiresAtMs: undefined };
  const decision = decide(
    state,
    { kind: 'create', ...create, isClosed: false, events: [] },
    { nowMs: 0, logEpoch: 'e', level: 1, newIds: () => '1'.padStart(32, '0') },
  );
  if (decision.kind !== 'write') throw new Error('nothing was written');
  for (const record of decision.records) expect(evolve(state, record)).toBe(true);
  if (state.stream === undefined) throw new Error('there is no stream');
  return state.stream;
}

const stream = emptyStream();
const bareBody = (event: unknown): string =>
  textOf(bareEvent(stream, 7, bytesOf(JSON.stringify(event))));
const bare = (event: unknown): Fields => JSON.parse(bareBody(event)) as Fields;

const at = '2026-01-02T03:04:05.678Z';

describe('without what it says', () => {
  test('a call and its result still belong together', () => {
    const call = { id: 'toolu_1', processed_at: at, type: 'agent.tool_use', name: 'bash' };
    expect(bare({ ...call, input: { command: 'cat secret' } })).toEqual({
      ...call,
      input: { text: '[not shared]' },
    });
    const result = { id: 'r', processed_at: at, type: 'agent.tool_result', tool_use_id: 'toolu_1' };
    const content = [
      { type: 'text', text: 'secret' },
      { type: 'text', text: 'another' },
    ];
    expect(bare({ ...result, is_error: true, content })).toEqual({
      ...result,
      is_error: true,
      content: [{ type: 'text', text: '[not shared]' }],
    });
  });

  test('an error keeps its kind, a status why it stopped, a request what it used', () => {
    const stop = { type: 'requires_action', event_ids: ['toolu_1'] };
    expect(
      bare({
        id: 'a',
        type: 'session.status_idle',
        stop_reason: { ...stop, why: 'secret' },
      }),
    ).toMatchObject({ stop_reason: stop });
    const error = { type: 'model_overloaded_error', message: 'secret', detail: 'secret' };
    expect(bare({ type: 'session.error', error })['error']).toEqual({
      type: 'model_overloaded_error',
      message: '[not shared]',
    });
    const model_usage = { input_tokens: 3, output_tokens: 4, note: 'secret' };
    expect(bare({ type: 'span.model_request_end', model_usage })['model_usage']).toEqual({
      input_tokens: 3,
      output_tokens: 4,
    });
  });

  test('an id, a type or a time that is a text gives way', () => {
    const told = bare({ id: 'a secret', processed_at: 'a secret', type: 'a secret' });
    expect(told).toEqual({
      id: expect.stringMatching(/^sevt_.*0{15}7$/),
      processed_at: null,
      type: 'untyped',
    });
    expect(bare('a secret')).toMatchObject({ type: 'untyped' });
    expect(bare({ type: 'user.tool_confirmation', result: 'a secret' })).not.toHaveProperty(
      'result',
    );
    expect(bare({ type: 'user.tool_confirmation', result: 'deny' })['result']).toBe('deny');
  });
});

test('of no event is any text told, wherever it stands in it, nor the name of what is not known', () => {
  const secret = 'a secret that is told to nobody';
  const fields = [
    ...['id', 'processed_at', 'type', 'content', 'input', 'name', 'error', 'message', 'output'],
    ...['result', 'stop_reason', 'model_usage', 'usage', 'model', 'title', 'agent_name', secret],
    ...['tool_use_id', 'session_thread_id', 'event_ids', 'text', 'thinking', 'is_error'],
  ];
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(secret),
      fc.boolean(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...fields), tie('value'), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(value, (event) => {
      const told = bareBody(event);
      expect(told).not.toContain('secret');
      expect(isStamped(bytesOf(told))).toBe(true);
      expect(textOf(bareEvent(stream, 7, bytesOf(told)))).toBe(told);
    }),
  );
});
