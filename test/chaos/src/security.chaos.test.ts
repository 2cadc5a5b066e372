import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey } from './tenants.ts';

/** In every secret: wherever it turns up, something was told. */
const marker = 'planted-secret';
const adminKey = `${marker}-admin-${newKey()}`;
const keys = { one: `${marker}-one-${newKey()}`, two: `${marker}-two-${newKey()}` } as const;

let folder: string;
let server: AppProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-security-'));
  const env = {
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_SIGNING_SECRET: `${marker}-signing-${newKey()}`,
    TIDEMARK_LOG_LEVEL: 'debug',
  };
  server = await startApp({ app: 'server', index: 0, folder, env });
  for (const [id, apiKey] of Object.entries(keys)) {
    await admin(JSON.stringify({ id, apiKey }));
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const admin = (body: string, key = adminKey): Promise<Response> =>
  fetch(`${server.url}/v1/admin/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body,
  });

interface Ask {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const ask = (path: string, { method = 'GET', key = keys.one, headers, body }: Ask = {}) =>
  fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });

const json = { 'content-type': 'application/json' };

const make = (name: string, body: string, key?: string): Promise<Response> =>
  ask(`/v1/stream/${name}`, { method: 'PUT', headers: json, body, ...(key && { key }) });

/** One request as it is, and the whole answer. */
async function raw(text: string): Promise<string> {
  const socket = connect(server.port, server.host);
  socket.on('error', () => undefined);
  socket.write(text);
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  return answer;
}

test('a cursor of another session or another tenant is no position here', async () => {
  const mine = await make('mine', '[1,2,3]');
  const cursor = mine.headers.get('stream-next-offset') ?? '';
  await make('other', '[1,2,3]');
  await make('mine', '[4,5,6]', keys.two);
  expect((await ask(`/v1/stream/mine?offset=${cursor}`)).status).toBe(200);
  expect((await ask(`/v1/stream/other?offset=${cursor}`)).status).toBe(400);
  expect((await ask(`/v1/stream/mine?offset=${cursor}`, { key: keys.two })).status).toBe(400);
  const fork = await ask('/v1/stream/fork', {
    method: 'PUT',
    headers: { 'stream-forked-from': '/v1/stream/other', 'stream-fork-offset': cursor },
  });
  expect(fork.status).toBe(400);
});

test('another tenant has no part in a session by any request', async () => {
  await make('private', '["secret of one"]');
  const path = '/v1/stream/private';
  const key = keys.two;
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    expect((await ask(path, { method, key })).status).toBe(404);
  }
  const append = await ask(path, { method: 'POST', key, headers: json, body: '[1]' });
  expect(append.status).toBe(404);
  const fork = await ask('/v1/stream/stolen', {
    method: 'PUT',
    key,
    headers: { 'stream-forked-from': path },
  });
  expect(fork.status).toBe(404);
  expect(await (await ask(`${path}?offset=-1`)).json()).toEqual(['secret of one']);
});

const polluting = ['__proto__', 'constructor', 'prototype'] as const;

test('JSON keys that name prototypes are keys like any other', async () => {
  const event = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  await make('pollution', `[${event}]`);
  expect(await (await ask('/v1/stream/pollution?offset=-1')).text()).toBe(`[${event}]`);
  for (const name of polluting) {
    expect((await make(name, '[1]')).status).toBe(201);
    expect(await (await ask(`/v1/stream/${name}?offset=-1`)).json()).toEqual([1]);
    const append = await ask(`/v1/stream/${name}`, {
      method: 'POST',
      headers: {
        ...json,
        'producer-id': name,
        'producer-epoch': '0',
        'producer-seq': '0',
        'idempotency-key': name,
        'stream-event-ids': name,
      },
      body: '[2]',
    });
    expect(append.status).toBe(200);
  }
});

test('admin and subscription bodies cannot reach a prototype', async () => {
  const polluted = '"__proto__":{"id":"three","polluted":1,"pooled":true}';
  expect((await admin(`{${polluted}}`)).status).toBe(400);
  expect((await admin(`{"id":"__proto__"}`)).status).toBe(400);
  const subscription = await ask('/v1/stream/__ds/subscriptions/__proto__', {
    method: 'PUT',
    headers: json,
    body: `{"type":"pull-wake","streams":["__proto__","constructor"],"wake_stream":"wakes",${polluted}}`,
  });
  expect(subscription.status).toBeLessThan(500);
  expect((await ask('/v1/stream/__ds/subscriptions/constructor')).status).toBe(404);
  // Were a prototype reached, this would be a pooled tenant.
  const made = await admin(JSON.stringify({ id: 'four', apiKey: newKey() }));
  expect(await made.json()).toMatchObject({ placement: { partitions: 1 } });
});

test('no name reaches outside of the streams', async () => {
  for (const path of [
    '%2e%2e/admin',
    '..%2f..%2fadmin',
    'a/%2e%2e/b',
    'a//b',
    'a%00b',
    'a%0d%0ax-injected:%201',
    '%24directory',
    '%5f%5fds/subscriptions',
    '%ff',
    'x'.repeat(1_025),
  ]) {
    const [status] = (
      await raw(
        `PUT /v1/stream/${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${keys.one}\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n`,
      )
    ).split('\r\n');
    expect(`${path}: ${status}`).toMatch(/: HTTP\/1\.1 (400|404|405) /);
  }
});

test('what a client sends does not become a header of an answer', async () => {
  const injected = 'text/plain;a="\u0001b"';
  for (const [name, value] of [
    ['content-type', `text/plain\n x-injected: 1`],
    ['content-type', injected],
    ['producer-id', 'a\u0001b'],
    ['stream-forked-from', '/v1/stream/a%0d%0ax-injected:1'],
  ] as const) {
    const answer = await raw(
      `PUT /v1/stream/injection HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${keys.one}\r\n${name}: ${value}\r\ncontent-length: 0\r\n\r\n`,
    );
    expect(answer.toLowerCase()).not.toMatch(/\r\nx-injected/);
    expect(answer).toMatch(/^HTTP\/1\.1 [24]/);
  }
  const host = await raw(
    `PUT /v1/stream/by-host HTTP/1.1\r\nhost: evil.example/"<script>\r\nconnection: close\r\nauthorization: Bearer ${keys.one}\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n`,
  );
  expect(host).toMatch(/^HTTP\/1\.1 [24]/);
});

test('requests good and bad leave no secret in the logs or in an answer', async () => {
  const wrong = `${marker}-wrong-${newKey()}`;
  const answers = await Promise.all([
    ask('/v1/stream/good?offset=-1'),
    ask('/v1/stream/good', { key: wrong }),
    ask('/v1/stream/good', { method: 'POST', headers: json, body: '{"broken":' }),
    ask('/v1/stream/good', { headers: { 'x-api-key': wrong } }),
    ask('/v1/nowhere', { method: 'POST', headers: json, body: `"${wrong}"` }),
    admin('{"id":', adminKey),
    admin('{}', wrong),
    ask('/v1/stream/__ds/subscriptions/s', {
      method: 'PUT',
      headers: json,
      body: JSON.stringify({
        type: 'webhook',
        streams: ['a'],
        webhook: { url: `http://user:${wrong}@localhost:1/${wrong}` },
      }),
    }),
    ask('/metrics'),
    ask('/readyz'),
  ]);
  for (const answer of answers) {
    const text = (await answer.text()) + JSON.stringify([...answer.headers]);
    expect(text).not.toContain(marker);
  }
  await raw(`GET / HTTP/1.1\r\nauthorization: Bearer ${wrong}\r\nbad header ${wrong}\r\n\r\n`);
  // Ended in order: whatever it has to say, it has said.
  server.kill('SIGTERM');
  await server.ended;
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  expect(logs.length).toBeGreaterThan(0);
  for (const name of logs) {
    const text = await readFile(join(folder, name), 'utf8');
    expect(text).toContain('"stopped"');
    expect(text).not.toContain(marker);
  }
});
