import { describe, expect, test } from 'vitest';
import { parseRead } from './read-request.ts';

const read = (query: string) => parseRead(`/v1/stream/a${query}`);

test('a read without parameters is the whole stream from its beginning', () => {
  expect(read('')).toEqual({
    start: { kind: 'cursor', offset: '-1' },
    live: 'none',
    eventsMax: Number.MAX_SAFE_INTEGER,
    cursor: undefined,
  });
});

test('a read begins at an offset, at the tail, or at an event by its seq', () => {
  expect(read('?offset=0000000000000005_0badcafe').start).toEqual({
    kind: 'cursor',
    offset: '0000000000000005_0badcafe',
  });
  expect(read('?offset=now').start).toEqual({ kind: 'now' });
  expect(read('?seq=7&limit=10')).toMatchObject({
    start: { kind: 'seq', seq: 7 },
    eventsMax: 10,
  });
});

test('a live read names its mode, an offset and the cursor it saw', () => {
  expect(read('?offset=-1&live=sse&cursor=12')).toMatchObject({ live: 'sse', cursor: '12' });
  expect(read('?seq=0&live=long-poll')).toMatchObject({ live: 'long-poll' });
});

describe('what is not a read', () => {
  test.each([
    ['?offset=', 'invalid-offset'],
    ['?offset=-1&offset=-1', 'invalid-request'],
    ['?offset=-1&seq=0', 'invalid-request'],
    ['?live=sse', 'invalid-request'],
    ['?offset=-1&live=websocket', 'invalid-request'],
    ['?offset=-1&live=', 'invalid-request'],
    ['?seq=-1', 'invalid-request'],
    ['?seq=1e3', 'invalid-request'],
    ['?seq=01', 'invalid-request'],
    ['?seq=9007199254740993', 'invalid-request'],
    ['?limit=0', 'invalid-request'],
    ['?limit=10001', 'invalid-request'],
    ['?limit=1.5', 'invalid-request'],
  ])('%s is refused as %s', (query, code) => {
    expect(() => read(query)).toThrow(expect.objectContaining({ code }));
  });
});
