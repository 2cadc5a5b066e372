// The log is lost and the bucket is kept: an empty cluster has all again that was in the bucket, and what was not is
// told to the event.

import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inheritedSettings } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

const main = resolve(import.meta.dirname, '../../../apps/restore/src/main.ts');
const run = promisify(execFile);

interface Told {
  readonly tenant?: string;
  readonly apiKey?: string;
  readonly session?: string;
  readonly lost?: { readonly from_seq: number; readonly to_seq: number };
  readonly restored?: Readonly<Record<string, number>>;
}

async function ask(
  url: string,
  key: string,
  { path, method = 'GET', body }: { path: string; method?: string; body?: unknown },
): Promise<string> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'x-api-key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text;
}

const sessions = 10;

async function converse(url: string, { key }: TestTenant, word: string): Promise<void> {
  for (let session = 0; session < sessions; session += 1) {
    const content = [{ type: 'text', text: `${word} ${session}` }];
    const body = {
      events: [
        { type: 'user.message', content },
        { type: 'agent.note', word },
      ],
    };
    await ask(url, key, { path: `/v1/sessions/s${session}/events`, method: 'POST', body });
  }
}

/** Makes in a server what a folder had; each line that is told of it. */
async function restore(url: string, folder: string): Promise<readonly Told[]> {
  const env = {
    ...process.env,
    ...inheritedSettings(),
    TIDEMARK_URL: url,
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_OBJECTS: 'folder',
    TIDEMARK_DATA_DIR: folder,
  };
  const { stdout } = await run(process.execPath, [main], { env });
  const lines = stdout.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Told);
}

test('what was in the bucket is there again, and what was lost is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-lost-'));
  const settings = {
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_SEGMENT_MS: '1000',
    TIDEMARK_PUBLISH_MS: '1000',
  };
  const before = await startOwnServer('lost', settings);
  const [own, pooled] = [
    await makeTenant(before.url, { partitions: 2 }),
    await makeTenant(before.url, { pooled: true }),
  ];
  for (const tenant of [own, pooled]) {
    const at = (path: string, method: string, body?: unknown) =>
      ask(before.url, tenant.key, { path, method, body });
    await at('/v1/sessions/s0', 'PUT', { title: 'A title', metadata: { team: 'blue' } });
    await converse(before.url, tenant, 'first');
    await at('/v1/sessions/s0/facts/known', 'PUT', { a: 1 });
    await at('/v1/sessions/s1/end', 'POST');
    await at('/v1/sessions/s2/trim', 'POST', { before_seq: 1 });
    await at('/v1/sessions/s3', 'DELETE');
  }
  for (;;) {
    const page = await (await fetch(`${before.url}/metrics`)).text();
    if (/^tidemark_tiering_waiting_bytes 0$/m.test(page)) break;
    await delay(200);
  }
  await delay(4_000);
  const paths = ['s0', 's1', 's2', 's9'].map((name) => `/v1/sessions/${name}/events?limit=1000`);
  const expected = new Map<string, readonly string[]>();
  for (const { id, key } of [own, pooled]) {
    const told = await Promise.all(paths.map((path) => ask(before.url, key, { path })));
    expected.set(id, told);
  }
  before.app.kill('SIGKILL');
  await before.app.ended;
  await using after = await startOwnServer('found', { TIDEMARK_ADMIN_KEY: adminKey });
  const lines = await restore(after.url, folder);
  expect(lines.at(-1)?.restored).toMatchObject({ tenants: 2, sessions: 2 * (sessions - 1) });
  const keys = new Map(lines.map(({ tenant = '', apiKey = '' }) => [tenant, apiKey]));
  for (const { id } of [own, pooled]) {
    const key = keys.get(id) ?? '';
    const told = await Promise.all(paths.map((path) => ask(after.url, key, { path })));
    expect(told).toEqual(expected.get(id));
    const session = await ask(after.url, key, { path: '/v1/sessions/s0' });
    expect(JSON.parse(session)).toMatchObject({ title: 'A title', metadata: { team: 'blue' } });
    expect(await ask(after.url, key, { path: '/v1/sessions/s0/facts/known' })).toBe('{"a":1}');
    const kept = await ask(after.url, key, { path: '/v1/sessions/s2/retention' });
    expect(JSON.parse(kept)).toMatchObject({ head_seq: 1, tail_seq: 2 });
    await expect(ask(after.url, key, { path: '/v1/sessions/s3' })).rejects.toThrow('404');
  }
  await expect(restore(after.url, folder)).rejects.toThrow('is not empty');
}, 120_000);

test('events that were published, and are in no segment, are told by their seqs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-cut-'));
  const settings = {
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_SEGMENT_MS: '6000',
    TIDEMARK_PUBLISH_MS: '1000',
  };
  const before = await startOwnServer('cut', settings);
  const tenant = await makeTenant(before.url);
  await converse(before.url, tenant, 'archived');
  for (;;) {
    const page = await (await fetch(`${before.url}/metrics`)).text();
    if (/^tidemark_tiering_segments_total [1-9]/m.test(page)) break;
    await delay(200);
  }
  await converse(before.url, tenant, 'lost');
  await delay(3_000);
  before.app.kill('SIGKILL');
  await before.app.ended;
  await using after = await startOwnServer('kept', { TIDEMARK_ADMIN_KEY: adminKey });
  const lines = await restore(after.url, folder);
  const lost = lines.filter((told) => told.lost !== undefined);
  expect(lost).toHaveLength(sessions);
  for (const told of lost) expect(told.lost).toEqual({ from_seq: 2, to_seq: 4 });
  expect(lines.at(-1)?.restored).toMatchObject({ events: 2 * sessions, lostEvents: 2 * sessions });
}, 120_000);
