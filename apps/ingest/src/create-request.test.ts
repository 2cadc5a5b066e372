import { bytesOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { parseCreate } from './create-request.ts';

const none: Uint8Array = new Uint8Array(0);
const create = (headers: Record<string, string>, body: Uint8Array = none) =>
  parseCreate(headers, body, undefined);

test('a create takes its type, its lifetime and its first events from the request', () => {
  const headers = {
    'content-type': 'application/json',
    'stream-ttl': '60',
    'stream-closed': 'true',
  };
  expect(create(headers, bytesOf('[1,2]'))).toMatchObject({
    contentType: 'application/json',
    ttlMs: 60_000,
    expiresAtMs: undefined,
    isClosed: true,
    events: [bytesOf('1'), bytesOf('2')],
    fork: undefined,
  });
});

test('a fork names its source by path or by name, and where it leaves it', () => {
  const headers = { 'stream-forked-from': '/v1/stream/a/b', 'stream-fork-offset': '-1' };
  expect(create(headers).fork).toEqual({ source: 'a/b', offset: '-1', subOffset: 0 });
  const byName = { 'stream-forked-from': 'a/b', 'stream-fork-sub-offset': '3' };
  expect(create(byName).fork).toEqual({ source: 'a/b', offset: undefined, subOffset: 3 });
});

test('the body of a fork is in its source’s type', () => {
  const headers = { 'stream-forked-from': 'a' };
  expect(parseCreate(headers, bytesOf('[1,2]'), 'application/json').events).toHaveLength(2);
});

describe('what is not a create', () => {
  test.each<[string, Record<string, string>]>([
    ['both lifetimes', { 'stream-ttl': '1', 'stream-expires-at': '2030-01-01T00:00:00Z' }],
    ['a TTL with a sign', { 'stream-ttl': '+1' }],
    ['a TTL with a leading zero', { 'stream-ttl': '01' }],
    ['a TTL with a fraction', { 'stream-ttl': '1.5' }],
    ['a TTL of a million years', { 'stream-ttl': '31536000000000' }],
    ['a time that is none', { 'stream-expires-at': 'tomorrow' }],
    ['a fork point without a source', { 'stream-fork-offset': '-1' }],
    ['a source that leaves the tree', { 'stream-forked-from': '../a' }],
    ['a source on another path', { 'stream-forked-from': '/v1/admin/tenants' }],
    ['a reserved source', { 'stream-forked-from': '$directory' }],
    ['a negative sub-offset', { 'stream-forked-from': 'a', 'stream-fork-sub-offset': '-1' }],
    ['a type with a line end', { 'content-type': 'text/plain\r\nx: y' }],
  ])('%s is refused', (_what, headers) => {
    expect(() => create(headers)).toThrow(expect.objectContaining({ name: 'Problem' }));
  });
});
