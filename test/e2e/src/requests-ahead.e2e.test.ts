// Requests that are sent ahead over one connection happen in their order, each behind the one before it.

import { mkdtemp } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { create, json, send, textOf } from './http-client.ts';

let app: AppProcess;
const at = (path: string): string => `${app.url}/v1/stream/${path}`;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-ahead-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_LONG_POLL_MS: '500' };
  app = await startApp({ app: 'server', index: 0, folder, env });
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

function request(line: string, body?: string): string {
  const type = 'content-type: application/json\r\n';
  const length = body === undefined ? '' : `content-length: ${body.length}\r\n`;
  return `${line} HTTP/1.1\r\nhost: localhost\r\n${type}${length}\r\n${body ?? ''}`;
}

/** What comes over one connection, until it has what is waited for. */
async function sendAhead(requests: readonly string[], until: RegExp): Promise<string> {
  const socket: Socket = connect(app.port, app.host);
  socket.setEncoding('latin1').write(requests.join(''));
  let text = '';
  for await (const piece of socket) {
    text += String(piece);
    if (until.test(text)) break;
  }
  socket.destroy();
  return text;
}

const statusesIn = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => String(status));

test('what was created and then deleted is gone', async () => {
  for (let round = 0; round < 20; round += 1) {
    const path = `/v1/stream/brief-${round}`;
    const both = [request(`PUT ${path}`, '[1]'), request(`DELETE ${path}`)];
    expect(statusesIn(await sendAhead(both, /HTTP.*HTTP/s))).toEqual(['201', '204']);
    expect((await send(`${app.url}${path}`)).status).toBe(404);
  }
});

test('a read sees the writes before it, and those come in their order', async () => {
  await create(at('ordered'));
  const writes = Array.from({ length: 30 }, (_, index) =>
    request('POST /v1/stream/ordered', String(index)),
  );
  const expected = JSON.stringify(writes.map((_, index) => index));
  const text = await sendAhead([...writes, request('GET /v1/stream/ordered')], /\]$/);
  expect(text.endsWith(expected)).toBe(true);
});

test('events behind a long-poll come once that is answered', async () => {
  await create(at('live'));
  await send(at('live'), { method: 'POST', headers: json, body: '"said"' });
  const text = await sendAhead(
    [
      request('GET /v1/stream/live?offset=now&live=long-poll'),
      request('GET /v1/stream/live?offset=-1&live=sse'),
    ],
    /"said"/,
  );
  expect(statusesIn(text)).toEqual(['204', '200']);
});

test('a list of tags and a weak one are known, as is any', async () => {
  await create(at('tagged'));
  const etag = String((await send(at('tagged'))).headers.etag);
  for (const list of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const answer = await send(at('tagged'), { headers: { 'if-none-match': list } });
    expect([answer.status, textOf(answer)]).toEqual([304, '']);
  }
});
