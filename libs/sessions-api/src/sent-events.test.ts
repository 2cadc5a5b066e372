import { isProblem } from '@tidemark/protocol';
import { evolve, recordsIn, type SessionState, type StreamState } from '@tidemark/session';
import { FoldedAlone } from '@tidemark/session/testing';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSent } from './sent-events.ts';
import { idOfTold, isStamped, processedAtOf, toldEvent } from './stored-events.ts';

function problemOf(text: string): string {
  try {
    parseSent(bytesOf(text));
  } catch (cause) {
    if (isProblem(cause)) return `${cause.code}: ${cause.message}`;
    throw cause;
  }
  return 'none';
}

/** A session in memory, and what it stores of what was sent. */
function stored(text: string): { readonly state: SessionState; readonly bodies: Uint8Array[] } {
  const session = new FoldedAlone();
  session.nowMs = 0;
  const sent = parseSent(bytesOf(text));
  const decision = session.decide({
    kind: 'append',
    contentType: 'application/json',
    close: false,
    creates: true,
    ...sent,
  });
  if (decision.kind !== 'write') throw new Error('nothing was written');
  for (const record of decision.records) expect(evolve(session.state, record)).toBe(true);
  const events = [...recordsIn(decision.records)].filter(({ kind }) => kind === 'event');
  return { state: session.state, bodies: events.map(({ value }) => value) };
}

describe('what is sent', () => {
  test('is one event, a list, or wrapped', () => {
    const count = (text: string): number => parseSent(bytesOf(text)).events.length;
    expect(count('{"type":"a"}')).toBe(1);
    expect(count(' [ {"type":"a"} , {"type":"b"} ] ')).toBe(2);
    expect(count('{ "events" : [{"type":"a"}] , "other": 1 }')).toBe(1);
    expect(count('{"type":"a","events":[1,2]}')).toBe(1);
  });

  test('is refused with the place of what is wrong', () => {
    const list: readonly (readonly [string, string])[] = [
      ['', 'unexpected end'],
      ['[]', 'send one event at least'],
      ['{"events":[]}', 'send one event at least'],
      ['{"events":{}}', 'events is a list'],
      ['[{"type":"a"},7]', 'events[1] is an object'],
      ['{"type":""}', 'events[0].type'],
      ['{"type":"a b"}', 'events[0].type'],
      ['{"kind":"a"}', 'events[0].type'],
      ['{"type":"a","id":""}', 'events[0].id'],
      ['{"type":"a","id":"sevt_0123456700000000000000012"}', 'none'],
      ['{"type":"a","id":"sevt_012345670000000000000001"}', 'the server’s own'],
      ['{"type":"a","processed_at":"soon"}', 'events[0].processed_at'],
      ['[{"type":"a","id":"x"},{"type":"a","id":"x"}]', 'two events have one id'],
      ['{"type":"user.message"}', 'events[0].content'],
      ['{"type":"user.tool_confirmation","tool_use_id":"x","result":"maybe"}', 'allow or deny'],
      ['{"type":"session.deleted"}', 'nothing that is sent'],
      ['{"type":"a"', 'not JSON'],
    ];
    for (const [text, expected] of list) expect(problemOf(text)).toContain(expected);
  });

  test('keeps its bytes, but for the head that it gets', () => {
    const { bodies } = stored(
      '[{"type":"a", "n" : 1.0e+2 },{ "b":1,"id":"own","type":"x","processed_at":null}]',
    );
    expect(textOf(bodies[0] as Uint8Array)).toMatch(
      /^\{"id":"sevt_\w+","processed_at":"1970-01-01T00:00:00.000Z","type":"a", "n" : 1.0e\+2 \}$/,
    );
    expect(textOf(bodies[1] as Uint8Array)).toBe(
      '{"id":"own","processed_at":"1970-01-01T00:00:00.000Z","b":1,"type":"x"}',
    );
  });

  test('keeps the time of its source, however often it is said', () => {
    const text =
      '{"type":"a","processed_at":"2020-01-01T00:00:00Z","processed_at":"2021-01-01T00:00:00+02:00"}';
    const [body] = stored(text).bodies;
    expect(processedAtOf(body as Uint8Array)).toBe('2021-01-01T00:00:00+02:00');
    expect(textOf(body as Uint8Array).match(/processed_at/g)).toHaveLength(1);
  });

  test('whatever its members are, is told with all of them', () => {
    const dictionary = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('id', 'type', 'processed_at', '__proto__')),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(dictionary, fc.constantFrom('', ' ', '\n'), (members, space) => {
        const event = { ...members, type: 'x.any', id: 'an-id', processed_at: null };
        const text = JSON.stringify(event, undefined, space);
        const [body] = stored(text).bodies;
        expect(isStamped(body as Uint8Array)).toBe(true);
        expect(idOfTold(body as Uint8Array)).toBe('an-id');
        expect({ ...JSON.parse(textOf(body as Uint8Array)), processed_at: null }).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });

  test('tells apart previews, which are not stored', () => {
    const sent = parseSent(
      bytesOf('[{"type":"event_delta","event_id":"x"},{"type":"a"},{"type":"event_start"}]'),
    );
    expect(sent.isStored).toEqual([false, true, false]);
    expect([sent.previews.length, sent.events.length]).toEqual([2, 1]);
  });
});

test('a raw message is told with what is missing in it', () => {
  const { state } = stored('{"type":"a"}');
  const stream = state.stream as StreamState;
  const told = (text: string): unknown => JSON.parse(textOf(toldEvent(stream, 5, bytesOf(text))));
  expect(told('{"type":"a","n":1}')).toMatchObject({ type: 'a', n: 1, processed_at: null });
  expect(told('{"type":"a"}')).toHaveProperty('id', expect.stringMatching(/^sevt_.{8}0{15}5$/));
  expect(told('{"id":"mine"}')).toMatchObject({ id: 'mine', type: 'untyped' });
  expect(told('[1]')).toMatchObject({ type: 'untyped', value: [1] });
  expect(told('{"id":"a\\"b","processed_at":"x"}')).toMatchObject({ id: 'a"b' });
});
