import { bytesOf, textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { parseAppend } from './append-request.ts';

const json = { 'content-type': 'application/json' };
const append = (headers: Record<string, string>, body: string) =>
  parseAppend(headers, bytesOf(body));

describe('the events of an append', () => {
  test('are the messages of an array, byte for byte', () => {
    const { events } = append(json, '[ {"a": 1.0},\n2, "\\u00fc" ]');
    expect(events.map(textOf)).toEqual(['{"a": 1.0}', '2', '"\\u00fc"']);
  });

  test('are one where the body is no array, and an array inside one is an event', () => {
    expect(append(json, '{"a":1}').events.map(textOf)).toEqual(['{"a":1}']);
    expect(append(json, '[[1,2],[3]]').events.map(textOf)).toEqual(['[1,2]', '[3]']);
  });

  test('are the bytes as they are in any other type', () => {
    const { events } = append({ 'content-type': 'text/plain' }, '[1,2]');
    expect(events.map(textOf)).toEqual(['[1,2]']);
  });

  test('are a thousand at most', () => {
    const body = (count: number): string => `[${Array.from({ length: count }, () => '1').join()}]`;
    expect(append(json, body(1_000)).events).toHaveLength(1_000);
    expect(() => append(json, body(1_001))).toThrow(expect.objectContaining({ code: 'too-large' }));
  });

  test('keep names that mean something to a prototype', () => {
    const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    expect(append(json, text).events.map(textOf)).toEqual([text]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

test('the conditions of an append come from its headers', () => {
  const headers = {
    ...json,
    'producer-id': 'p',
    'producer-epoch': '2',
    'producer-seq': '0',
    'stream-seq': 's1',
    'stream-match-seq': '4',
    'idempotency-key': 'k',
    'stream-event-ids': 'a, b',
    'stream-closed': 'TRUE',
  };
  expect(append(headers, '[1,2]')).toMatchObject({
    close: true,
    producer: { id: 'p', epoch: 2, seq: 0 },
    streamSeq: 's1',
    matchSeq: 4,
    key: 'k',
    eventIds: ['a', 'b'],
  });
});

test('closing needs no body, and then no type', () => {
  expect(append({ 'stream-closed': 'true' }, '')).toMatchObject({
    close: true,
    events: [],
    contentType: undefined,
  });
});

describe('what is not an append', () => {
  test.each<[string, Record<string, string>, string, string]>([
    ['an empty body', json, '', 'invalid-request'],
    [
      'an empty body that does not close',
      { ...json, 'stream-closed': 'yes' },
      '',
      'invalid-request',
    ],
    ['an empty array', json, '[]', 'invalid-request'],
    ['a body without a type', {}, '1', 'invalid-request'],
    ['a type that is none', { 'content-type': 'json' }, '1', 'invalid-request'],
    ['half of a document', json, '{"a":', 'invalid-json'],
    ['two documents', json, '1 2', 'invalid-json'],
    ['a comma too many', json, '[1,]', 'invalid-json'],
    ['a single quote', json, "['a']", 'invalid-json'],
    ['a number that is none', json, '[NaN]', 'invalid-json'],
    ['a control byte in a string', json, '["\u0001"]', 'invalid-json'],
    ['a producer without an epoch', { ...json, 'producer-id': 'p' }, '1', 'invalid-request'],
    [
      'a producer with a negative seq',
      { ...json, 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '-1' },
      '1',
      'invalid-request',
    ],
    [
      'a producer without a name',
      { ...json, 'producer-id': '', 'producer-epoch': '0', 'producer-seq': '0' },
      '1',
      'invalid-request',
    ],
    [
      'a key that is too long',
      { ...json, 'idempotency-key': 'k'.repeat(257) },
      '1',
      'invalid-request',
    ],
    ['an empty sequence', { ...json, 'stream-seq': '' }, '1', 'invalid-request'],
    ['a seq that is no number', { ...json, 'stream-match-seq': 'x' }, '1', 'invalid-request'],
    ['an id for two events', { ...json, 'stream-event-ids': 'a' }, '[1,2]', 'invalid-request'],
    ['one id twice', { ...json, 'stream-event-ids': 'a,a' }, '[1,2]', 'invalid-request'],
  ])('%s is refused', (...[, headers, body, code]) => {
    expect(() => append(headers, body)).toThrow(expect.objectContaining({ code }));
  });
});

test('bytes that are not UTF-8 are no JSON', () => {
  expect(() => parseAppend(json, Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
    expect.objectContaining({ code: 'invalid-json' }),
  );
});
