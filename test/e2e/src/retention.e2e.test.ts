// What was asked to go is read by nobody, by no way, and leaves the bucket; what was not, stays.

import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { SseFollower } from './sse-follower.ts';

let server: OwnServer;
let folder = '';

const settings = (): Record<string, string> => ({
  TIDEMARK_DATA_DIR: folder,
  TIDEMARK_SEGMENT_MS: '1000',
  TIDEMARK_LOG_KEEP_MIB: '0',
  TIDEMARK_PUBLISH_MS: '1000',
  TIDEMARK_ERASE_MS: '1000',
  TIDEMARK_RETENTION_MS: '1000',
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-retention-'));
  server = await startOwnServer('retention', settings());
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const ask = (path: string, method = 'GET', body?: unknown): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function json<T = Record<string, unknown>>(
  path: string,
  method?: string,
  body?: unknown,
): Promise<T> {
  const response = await ask(path, method, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as T;
}

async function converse(session: string, words: readonly string[]): Promise<void> {
  for (const word of words) {
    const content = [{ type: 'text', text: word }];
    await json(`/v1/sessions/${session}/events`, 'POST', { type: 'user.message', content });
  }
}

interface Listed {
  readonly data: readonly { readonly content?: readonly { readonly text: string }[] }[];
}

const textsOf = async (session: string, query = ''): Promise<readonly (string | undefined)[]> => {
  const { data } = await json<Listed>(`/v1/sessions/${session}/events?${query}`);
  return data.map(({ content }) => content?.[0]?.text);
};

/** All that the segments hold, as DuckDB reads it. */
async function stored(): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.zst') && !name.includes('.tmp'));
  if (files.length === 0) return '';
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const list = files.map((name) => `'${join(folder, name)}'`).join(',');
  const rows = await connection.runAndReadAll(`SELECT json FROM read_ndjson_objects([${list}])`);
  return JSON.stringify(rows.getRowsJson());
}

/** Until the bucket has one word, and not the other. */
async function untilGone(word: string, kept: string): Promise<void> {
  for (;;) {
    const text = await stored().catch(() => word);
    if (text.includes(kept) && !text.includes(word)) return;
    await delay(300);
  }
}

const exportedText = async (): Promise<string> => (await ask('/v1/export')).text();

test('a trim moves the head: below it 410, and the bytes leave the bucket', async () => {
  await converse('trimmed', ['alpha1', 'alpha2', 'alpha3', 'alpha4']);
  const before = await json<{ next_page: string | null }>('/v1/sessions/trimmed/events?limit=1');
  expect(await json('/v1/sessions/trimmed/trim', 'POST', { before_seq: 2 })).toMatchObject({
    head_seq: 2,
    tail_seq: 4,
  });
  expect(await textsOf('trimmed')).toEqual(['alpha3', 'alpha4']);
  expect(await textsOf('trimmed', 'order=desc')).toEqual(['alpha4', 'alpha3']);
  for (const path of [
    '/v1/sessions/trimmed/events?from_seq=1',
    `/v1/sessions/trimmed/events?page=${before.next_page}`,
    '/v1/sessions/trimmed/events/0',
    '/v1/stream/trimmed?seq=1',
    '/v1/stream/trimmed?seq=0&live=sse',
  ]) {
    const response = await ask(path);
    expect(response.status).toBe(410);
    expect(await response.text()).toContain('"headSeq":2');
  }
  const followed: string[] = [];
  const onData = (data: string): void => void followed.push(data);
  const follower = new SseFollower({ url: server.url, path: '/v1/stream/trimmed', onData });
  while (!followed.join('').includes('alpha4')) await delay(20);
  expect(followed.join('')).not.toContain('alpha2');
  follower[Symbol.dispose]();
  expect(await exportedText()).not.toContain('alpha2');
  expect(await json('/v1/search?q=alpha1')).toMatchObject({ data: [] });
  expect(await json('/v1/search?q=alpha3')).toMatchObject({ data: [{ seq: 2 }] });
  await untilGone('alpha2', 'alpha3');
  expect(await textsOf('trimmed')).toEqual(['alpha3', 'alpha4']);
  const proof = await json<{ rewritten: readonly { was: string; is: string }[]; left_in: unknown }>(
    '/v1/erasures?session=trimmed',
  );
  expect(proof.left_in).toEqual([]);
  for (const { was, is } of proof.rewritten) {
    expect(was).toMatch(/\.ndjson\.zst$/);
    expect(is).not.toBe(was);
  }
});

test('a redacted event keeps its place, and says nothing any more', async () => {
  await converse('redacted', ['beta1', 'betasecret', 'beta3']);
  const { data } = await json<{ data: readonly { id: string }[] }>('/v1/sessions/redacted/events');
  const path = `/v1/sessions/redacted/events/${data[1]?.id}/redact`;
  expect(await json(path, 'POST')).toMatchObject({ redacted: [{ seq: 1 }] });
  expect(await json(path, 'POST')).toMatchObject({ redacted: [{ seq: 1 }] });
  expect(await textsOf('redacted')).toEqual(['beta1', undefined, 'beta3']);
  const one = await json('/v1/sessions/redacted/events/1');
  expect(one).toMatchObject({ id: data[1]?.id, type: 'system.redacted' });
  const raw = await (await ask('/v1/stream/redacted?offset=-1')).text();
  expect(raw).not.toContain('betasecret');
  expect(await json('/v1/search?q=betasecret')).toMatchObject({ data: [] });
  const exported = await exportedText();
  expect(exported).not.toContain('betasecret');
  expect(exported).toContain('"type":"system.redacted"');
  await untilGone('betasecret', 'beta3');
});

describe('policies', () => {
  test('nothing goes unless it is asked, and a preview lets nothing go', async () => {
    await converse('old', ['gamma1', 'gamma2']);
    expect(await json('/v1/retention')).toEqual({ retention: null });
    const refused = await ask('/v1/sessions/old/retention', 'PUT', { age_seconds: 0 });
    expect(refused.status).toBe(400);
    await delay(1_100);
    const preview = await json<{ data: readonly { session_id: string }[]; totals: unknown }>(
      '/v1/retention/preview',
      'POST',
      { age_seconds: 1 },
    );
    const planned = preview.data.find(({ session_id: id }) => id === 'old');
    expect(planned).toMatchObject({ does: 'trim', head_seq: 2, events: 2 });
    expect(await textsOf('old')).toHaveLength(2);
  });

  test('of one session, while another is held', async () => {
    await converse('held', ['delta1']);
    await json('/v1/sessions/held/hold', 'PUT', { reason: 'case 7' });
    expect(await json('/v1/retention', 'PUT', {})).toMatchObject({
      retention: { age_seconds: null },
    });
    for (const session of ['old', 'held']) {
      await json(`/v1/sessions/${session}/retention`, 'PUT', { age_seconds: 1 });
    }
    while ((await textsOf('old')).length > 0) await delay(200);
    expect(await textsOf('trimmed')).toHaveLength(2);
    expect(await textsOf('held')).toEqual(['delta1']);
    for (const [path, method, body] of [
      ['/v1/sessions/held', 'DELETE', undefined],
      ['/v1/stream/held', 'DELETE', undefined],
      ['/v1/sessions/held/trim', 'POST', { before_seq: 1 }],
      ['/v1/sessions/held/events/0/redact', 'POST', undefined],
    ] as const) {
      const response = await ask(path, method, body);
      expect(response.status).toBe(409);
      expect(await response.text()).toContain('session-held');
    }
    expect(await json('/v1/sessions/held/retention')).toMatchObject({ hold: { reason: 'case 7' } });
    await json('/v1/sessions/held/hold', 'DELETE');
    while ((await textsOf('held')).length > 0) await delay(200);
  });

  test('of the tenant: what was ended goes, what is there goes on', async () => {
    await converse('ended', ['epsilon1']);
    await converse('alive', ['zeta1']);
    await json('/v1/sessions/ended/end', 'POST');
    await json('/v1/retention', 'PUT', { ended_seconds: 0, bytes: 1_000_000 });
    while ((await ask('/v1/sessions/ended')).status !== 404) await delay(200);
    expect(await textsOf('alive')).toEqual(['zeta1']);
    expect(await json('/v1/retention', 'DELETE')).toEqual({ retention: null });
  });
});

test('started anew from what is published, all of it is as it was', async () => {
  await delay(2_500);
  server.app.kill('SIGKILL');
  await server.app.ended;
  server = await startOwnServer('retention', settings());
  expect(await textsOf('trimmed')).toEqual(['alpha3', 'alpha4']);
  expect(await textsOf('redacted')).toEqual(['beta1', undefined, 'beta3']);
  expect((await ask('/v1/stream/trimmed?seq=1')).status).toBe(410);
  expect(await json('/v1/search?q=betasecret')).toMatchObject({ data: [] });
});
