// What no client should send: a clear answer, nothing written, and the process as it was.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { json, type RequestParts, send, textOf } from './http-client.ts';
import { sendRaw } from './raw-http.ts';

let app: AppProcess;
const text = { 'content-type': 'text/plain' } as const;
const at = (path: string): string => `${app.url}/v1/stream/${path}`;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bad-'));
  app = await startApp({
    app: 'server',
    index: 0,
    folder,
    env: { TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_LONG_POLL_MS: '500' },
  });
  await send(at('json'), { method: 'PUT', headers: json });
  await send(at('json'), { method: 'POST', headers: json, body: '["kept"]' });
  await send(at('text'), { method: 'PUT', headers: text });
  await send(at('text'), { method: 'POST', headers: text, body: 'kept' });
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

const metrics = async (): Promise<string> => textOf(await send(`${app.url}/metrics`));

/** Valid records that the process has written so far, by a page made from now on: one serves for a second. */
async function appendedRecords(): Promise<string | undefined> {
  const known = await metrics();
  const page = await vi.waitUntil(async () => {
    const newer = await metrics();
    return newer !== known && newer;
  }, 5_000);
  return /^tidemark_writer_appended_records_total (\d+)/m.exec(page)?.[1];
}

/** By the log's count, since a session that nobody looks at may have been written to. */
function expectNothingWritten(): void {
  let before: string | undefined;
  beforeAll(async () => {
    before = await appendedRecords();
    expect(before).toBeDefined();
  });
  afterAll(async () => {
    expect(await appendedRecords()).toBe(before);
  });
}

interface ProblemDocument {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly effect: string;
}

async function problemOf(path: string, parts: RequestParts): Promise<ProblemDocument> {
  const answer = await send(`${app.url}${path}`, parts);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  const problem = JSON.parse(textOf(answer)) as ProblemDocument;
  expect(problem.status).toBe(answer.status);
  expect(problem.title).not.toBe('');
  expect(problem.detail).not.toMatch(/node_modules|\.ts:|at Object/);
  return problem;
}

async function expectUnharmed(): Promise<void> {
  expect(app.isRunning()).toBe(true);
  expect(textOf(await send(at('json')))).toBe('["kept"]');
  expect(textOf(await send(at('text')))).toBe('kept');
  expect((await send(`${app.url}/readyz`)).status).toBe(200);
}

const post = (body: string | Uint8Array, headers: Record<string, string> = json): RequestParts => ({
  method: 'POST',
  headers,
  body,
});
const put = (headers: Record<string, string>): RequestParts => ({ method: 'PUT', headers });
const tag = '0000000000000000_00000001';
const longName = 'n'.repeat(10_240);
const stream = '/v1/stream/';

const table: readonly [what: string, status: number, path: string, parts: RequestParts][] = [
  ['half a document', 400, `${stream}json`, post('{"a":')],
  ['two documents', 400, `${stream}json`, post('1 2')],
  ['a comma too many', 400, `${stream}json`, post('[1,]')],
  ['JSON that is not UTF-8', 400, `${stream}json`, post(Uint8Array.of(0x22, 0xff, 0x22))],
  ['JSON too deep to parse', 400, `${stream}json`, post('['.repeat(100_000))],
  ['an empty array', 400, `${stream}json`, post('[]')],
  ['an empty body', 400, `${stream}json`, post('')],
  ['no content type', 400, `${stream}json`, { method: 'POST', body: '1' }],
  ['a type that is none', 400, `${stream}json`, post('1', { 'content-type': 'json' })],
  ['another type', 409, `${stream}json`, post('1', text)],
  ['JSON into text', 409, `${stream}text`, post('1')],
  ['an append to nothing', 404, `${stream}absent`, post('1')],
  ['a read of nothing', 404, `${stream}absent`, {}],
  ['an empty name', 400, stream, post('1')],
  ['a path with ..', 400, `${stream}a/../json`, post('1')],
  ['an encoded ..', 400, `${stream}a/%2e%2e/json`, post('1')],
  ['a segment that is .', 400, `${stream}./json`, put(json)],
  ['an encoded NUL', 400, `${stream}a%00b`, put(json)],
  ['an encoded line end', 400, `${stream}a%0d%0ab`, put(json)],
  ['an encoding that is none', 400, `${stream}a%zz`, put(json)],
  ['an encoding that is no UTF-8', 400, `${stream}a%ff`, put(json)],
  ['a name of 10 kB', 400, `${stream}${longName}`, put(json)],
  ['an empty segment', 400, `${stream}a//b`, put(json)],
  ['a reserved name', 400, `${stream}$directory`, put(json)],
  ['the shard’s own name', 400, `${stream}$shard`, post('1')],
  ['an empty offset', 400, `${stream}json?offset=`, {}],
  ['an offset of another shape', 400, `${stream}json?offset=abc`, {}],
  ['a negative offset', 400, `${stream}json?offset=-2`, {}],
  ['an offset of an unrelated session', 400, `${stream}json?offset=${tag}`, {}],
  ['an offset with a path', 400, `${stream}json?offset=..%2f..%2fetc`, {}],
  ['an offset with a NUL', 400, `${stream}json?offset=0%00`, {}],
  ['an offset given twice', 400, `${stream}json?offset=-1&offset=now`, {}],
  ['an offset of 10 kB', 400, `${stream}json?offset=${'0'.repeat(10_240)}`, {}],
  ['a seq beyond the end', 400, `${stream}json?seq=99`, {}],
  ['a mode that is none', 400, `${stream}json?offset=-1&live=ws`, {}],
  ['a limit that is none', 400, `${stream}json?limit=-1`, {}],
  ['half a producer', 400, `${stream}json`, post('1', { ...json, 'producer-id': 'p' })],
  [
    'a producer with a fraction',
    400,
    `${stream}json`,
    post('1', { ...json, 'producer-id': 'p', 'producer-epoch': '0.5', 'producer-seq': '0' }),
  ],
  [
    'a key that is too long',
    400,
    `${stream}json`,
    post('1', { ...json, 'idempotency-key': 'k'.repeat(300) }),
  ],
  ['a TTL that is none', 400, `${stream}new`, put({ ...json, 'stream-ttl': '1e3' })],
  [
    'two lifetimes',
    400,
    `${stream}new`,
    put({ ...json, 'stream-ttl': '1', 'stream-expires-at': '2030-01-01T00:00:00Z' }),
  ],
  [
    'a source that is not there',
    404,
    `${stream}new`,
    put({ ...json, 'stream-forked-from': 'absent' }),
  ],
  [
    'a source that leaves the tree',
    400,
    `${stream}new`,
    put({ ...json, 'stream-forked-from': '/v1/stream/../../etc' }),
  ],
  [
    'a fork point of another session',
    400,
    `${stream}new`,
    put({ ...json, 'stream-forked-from': 'json', 'stream-fork-offset': tag }),
  ],
  ['a path that is none', 404, '/v2/stream/json', {}],
  ['the admin route without an admin key', 404, '/v1/admin/tenants', post('{}')],
];

describe('is refused with a problem, and writes nothing:', () => {
  expectNothingWritten();

  test.each(table)('%s', async (...[, status, path, parts]) => {
    const problem = await problemOf(path, parts);
    expect(problem.status).toBe(status);
    expect(problem.effect).toBe('none');
    await expectUnharmed();
  });
});

describe('a body over the limit', () => {
  const limitBytes = 8 * 1024 * 1024;

  test('is refused by its length, before it is sent', async () => {
    const head = `POST /v1/stream/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: ${limitBytes + 1}\r\n\r\n`;
    const answer = await sendRaw(app.url, [head]);
    expect(answer.status).toBe(413);
    expect(answer.text).toContain('application/problem+json');
    expect(answer.writtenBytes).toBeLessThan(1_000);
    await expectUnharmed();
  });

  test('is refused on the way, where it tells no length', async () => {
    function* pieces(): Generator<string> {
      yield 'POST /v1/stream/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n';
      for (let count = 0; count < 1_024; count += 1) yield `10000\r\n${'x'.repeat(65_536)}\r\n`;
    }
    const answer = await sendRaw(app.url, pieces());
    expect(answer.status).toBe(413);
    expect(answer.writtenBytes).toBeLessThan(4 * limitBytes);
    console.log(`measured: 413 after ${(answer.writtenBytes / 1_048_576).toFixed(1)} of 64 MiB`);
    await expectUnharmed();
  });

  test('is taken up to the limit itself', async () => {
    await send(at('large'), { method: 'PUT', headers: text });
    const body = Buffer.alloc(limitBytes, 'x');
    expect((await send(at('large'), { method: 'POST', headers: text, body })).status).toBe(204);
    expect((await send(at('large'))).body.length).toBe(limitBytes);
  });
});

describe('bytes that are no request', () => {
  expectNothingWritten();

  test.each([
    [
      'a line end in a header',
      'GET /v1/stream/json HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n',
      400,
    ],
    [
      'a NUL in a header',
      'GET /v1/stream/json HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n',
      400,
    ],
    [
      'two lengths',
      'POST /v1/stream/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1',
      400,
    ],
    [
      'a length and chunks',
      'POST /v1/stream/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'headers without an end',
      `GET /v1/stream/json HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      431,
    ],
    [
      'a path that climbs',
      'PUT /v1/stream/../../admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
      404,
    ],
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n\r\n', 400],
  ])('%s', async (_what, bytes, status) => {
    const answer = await sendRaw(app.url, [bytes]);
    expect([status, 400]).toContain(answer.status);
    await expectUnharmed();
  });
});

describe('names that mean something elsewhere', () => {
  test('keys of a prototype are kept as they are, and change nothing', async () => {
    await send(at('keys'), { method: 'PUT', headers: json });
    const event = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}';
    expect((await send(at('keys'), post(event))).status).toBe(204);
    expect(textOf(await send(at('keys')))).toBe(`[${event}]`);
    const other = JSON.parse(textOf(await send(`${app.url}/readyz`))) as Record<string, unknown>;
    expect(other['isAdmin']).toBeUndefined();
  });

  test.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'a%2Fb', '%25', 'münchen'])(
    'a session may be called %s',
    async (name) => {
      expect(
        (await send(at(encodeURI(decodeURI(name))), { method: 'PUT', headers: json })).status,
      ).toBe(201);
      const answer = await send(at(encodeURI(decodeURI(name))), post('1'));
      expect(answer.status).toBe(204);
    },
  );

  test('a producer may be called __proto__, and is remembered', async () => {
    await send(at('producers'), { method: 'PUT', headers: json });
    const headers = {
      ...json,
      'producer-id': '__proto__',
      'producer-epoch': '0',
      'producer-seq': '0',
    };
    expect((await send(at('producers'), post('1', headers))).status).toBe(200);
    expect((await send(at('producers'), post('1', headers))).status).toBe(204);
    expect(textOf(await send(at('producers')))).toBe('[1]');
  });
});

describe('an offset of another session', () => {
  async function sessionWith(
    name: string,
    events: readonly string[],
    headers = {},
  ): Promise<string> {
    await send(at(name), { method: 'PUT', headers: { ...json, ...headers } });
    for (const body of events) await send(at(name), post(body));
    return String((await send(at(name), { method: 'HEAD' })).headers['stream-next-offset']);
  }

  test('never yields events, by any way of reading', async () => {
    const one = await sessionWith('one', ['1', '2']);
    await sessionWith('two', ['"secret"', '"secret"', '"secret"']);
    for (const live of ['', '&live=long-poll', '&live=sse']) {
      const problem = await problemOf(`/v1/stream/two?offset=${one}${live}`, {});
      expect(problem).toMatchObject({ status: 400, code: 'invalid-offset' });
    }
    const sse = await send(`${at('two')}?offset=-1&live=sse`, {
      headers: { 'last-event-id': one },
      timeoutMs: 1_000,
    }).catch(() => undefined);
    expect(sse === undefined || sse.status === 200).toBe(true);
  });

  test('of a session that was deleted and created again is none of the new one', async () => {
    const former = await sessionWith('again', ['1', '2']);
    await send(at('again'), { method: 'DELETE' });
    await sessionWith('again', ['3', '4', '5']);
    const problem = await problemOf(`/v1/stream/again?offset=${former}`, {});
    expect(problem.code).toBe('invalid-offset');
  });

  test('is good in a fork within what it inherited, and only there', async () => {
    const middle = await sessionWith('source', ['1', '2']);
    await sessionWith('fork', ['"f"'], {
      'stream-forked-from': 'source',
      'stream-fork-offset': middle,
    });
    await send(at('source'), post('3'));
    const beyond = String(
      (await send(at('source'), { method: 'HEAD' })).headers['stream-next-offset'],
    );
    expect(textOf(await send(`${at('fork')}?offset=${middle}`))).toBe('["f"]');
    expect(textOf(await send(at('fork')))).toBe('[1,2,"f"]');
    expect((await problemOf(`/v1/stream/fork?offset=${beyond}`, {})).code).toBe('invalid-offset');
    const own = String((await send(at('fork'), { method: 'HEAD' })).headers['stream-next-offset']);
    expect((await problemOf(`/v1/stream/source?offset=${own}`, {})).code).toBe('invalid-offset');
  });
});
