// An export has every event of its tenant and of no other, from segments and from the log, each once; whoever was cut
// off goes on from a checkpoint.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let server: OwnServer;
let mine: TestTenant;
let other: TestTenant;

const sessions = 30;

beforeAll(async () => {
  server = await startOwnServer('export', {
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_SEGMENT_MIB: '1',
    TIDEMARK_SEGMENT_MS: '1000',
    TIDEMARK_LOG_KEEP_MIB: '0',
    TIDEMARK_PUBLISH_MS: '1000',
  });
  mine = await makeTenant(server.url, { partitions: 3 });
  other = await makeTenant(server.url, { pooled: true });
  await converse(mine, 'cold');
  await converse(other, 'others');
  await untilArchived();
  await converse(mine, 'hot');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function post({ key }: TestTenant, session: string, body: unknown): Promise<void> {
  const response = await fetch(`${server.url}/v1/sessions/${session}`, {
    method: 'POST',
    headers: { 'x-api-key': key },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

async function converse(tenant: TestTenant, text: string): Promise<void> {
  for (let session = 0; session < sessions; session += 1) {
    const events = [
      { type: 'user.message', content: [{ type: 'text', text: `${text} ${session}` }] },
      { type: 'agent.tool_use', name: 'bash', input: { padding: 'x'.repeat(3_000) } },
    ];
    await post(tenant, `s${session}/events`, { events });
  }
}

async function untilArchived(): Promise<void> {
  for (;;) {
    const page = await (await fetch(`${server.url}/metrics`)).text();
    if (/^tidemark_tiering_waiting_bytes 0$/m.test(page)) return;
    await delay(200);
  }
}

interface Line {
  readonly tenant: string;
  readonly session: string;
  readonly seq: number;
  readonly type: string;
  readonly checkpoint?: string;
}

const ask = (query: string, key = mine.key): Promise<Response> =>
  fetch(`${server.url}/v1/export${query}`, { headers: { 'x-api-key': key } });

async function exported(query: string, key?: string): Promise<readonly Line[]> {
  const response = await ask(query, key);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await response.text()).split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as Line);
}

const placeOf = ({ session, seq }: Line): string => `${session} ${seq}`;

test('every event once, of this tenant alone, each session in its order', async () => {
  const lines = await exported('');
  expect(lines).toHaveLength(sessions * 4);
  expect(new Set(lines.map(placeOf)).size).toBe(sessions * 4);
  for (const [, events] of Map.groupBy(lines, ({ session }) => session)) {
    expect(events.map(({ seq }) => seq)).toEqual([0, 1, 2, 3]);
  }
  const others = await exported('', other.key);
  expect(others).toHaveLength(sessions * 2);
  expect(new Set(others.map(({ tenant }) => tenant)).size).toBe(1);
  expect(others[0]?.tenant).not.toBe(lines[0]?.tenant);
});

test('filters: session, type, seq, time, metadata', async () => {
  expect(await exported('?session=s3')).toHaveLength(4);
  expect(await exported('?session=nobody')).toEqual([]);
  expect(await exported('?types[]=user.message')).toHaveLength(sessions * 2);
  expect(await exported('?session=s3&from_seq=1&to_seq=3')).toHaveLength(2);
  expect(await exported('?time[lt]=2001-01-01T00:00:00Z')).toEqual([]);
  await post(mine, 's7', { metadata: { team: 'blue' } });
  const blue = await exported('?metadata[team]=blue');
  expect(blue.length).toBeGreaterThanOrEqual(4);
  expect(new Set(blue.map(({ session }) => session))).toEqual(new Set(['s7']));
});

test('whoever takes a few at a time, from checkpoint to checkpoint, has the same', async () => {
  const whole = await exported('');
  const taken: Line[] = [];
  let after = '';
  for (;;) {
    const lines = await exported(`?limit=17&checkpoints=true&after=${after}`);
    taken.push(...lines.filter(({ checkpoint }) => checkpoint === undefined));
    const place = lines.at(-1)?.checkpoint ?? '';
    if (place === after) break;
    after = place;
  }
  expect(taken).toEqual(whole);
  expect(await exported(`?after=${after}`)).toEqual([]);
  const [now] = await exported('?after=now&checkpoints=true&limit=0');
  expect(now?.checkpoint).toBe(after);
  expect(await exported(`?before=${after}`)).toEqual(whole);
});

test('what was deleted is exported no more, though its segment has it', async () => {
  await post(mine, 'secret/events', { events: [{ type: 'system.note' }] });
  expect(await exported('?session=secret')).toHaveLength(1);
  const headers = { 'x-api-key': mine.key };
  await fetch(`${server.url}/v1/sessions/secret`, { method: 'DELETE', headers });
  expect(await exported('?session=secret')).toEqual([]);
});

test('strangers, tokens of one session, and hostile questions are refused', async () => {
  expect((await fetch(`${server.url}/v1/export`)).status).toBe(401);
  const made = await fetch(`${server.url}/v1/sessions/s1/tokens`, {
    method: 'POST',
    headers: { 'x-api-key': mine.key },
    body: JSON.stringify({ scopes: ['read'], ttl_seconds: 60 }),
  });
  const { token } = (await made.json()) as { readonly token: string };
  expect((await ask('', token)).status).toBe(403);
  const foreign = await exported('?after=now&checkpoints=true&limit=0', other.key);
  for (const query of [
    `?after=${foreign[0]?.checkpoint}`,
    '?after=999999999999999.0.0_00000000',
    '?after=%00',
    '?before=1',
    '?limit=-1',
    '?from_seq=1e9',
    '?time[gt]=yesterday',
    '?session=%24sub',
    '?session=..',
  ]) {
    expect({ query, status: (await ask(query)).status }).toEqual({ query, status: 400 });
  }
});

test('what is kept is changed by nobody without the scope admin, and of another tenant by nobody', async () => {
  const made = await fetch(`${server.url}/v1/keys`, {
    method: 'POST',
    headers: { 'x-api-key': mine.key },
    body: JSON.stringify({ scopes: ['read', 'append', 'steer'] }),
  });
  const { apiKey } = (await made.json()) as { readonly apiKey: string };
  const act = async (key: string, method: string, path: string): Promise<number> => {
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: '{"before_seq":1}' };
    const headers = key === '' ? {} : { 'x-api-key': key };
    return (await fetch(`${server.url}${path}`, { method, headers, ...body })).status;
  };
  for (const [method, path] of [
    ['PUT', '/v1/retention'],
    ['DELETE', '/v1/retention'],
    ['POST', '/v1/retention/preview'],
    ['POST', '/v1/sessions/s1/trim'],
    ['POST', '/v1/sessions/s1/events/0/redact'],
    ['PUT', '/v1/sessions/s1/hold'],
    ['DELETE', '/v1/sessions/s1/hold'],
    ['PUT', '/v1/sessions/s1/retention'],
    ['GET', '/v1/erasures?session=s1'],
  ] as const) {
    expect({ path, status: await act(apiKey, method, path) }).toEqual({ path, status: 403 });
    expect({ path, status: await act('', method, path) }).toEqual({ path, status: 401 });
  }
  await post(mine, 'only-mine/events', { events: [{ type: 'system.note' }] });
  expect(await act(other.key, 'POST', '/v1/sessions/only-mine/trim')).toBe(404);
  expect(await act(other.key, 'PUT', '/v1/sessions/only-mine/hold')).toBe(404);
  expect(await exported('?session=only-mine')).toHaveLength(1);
});

test('a reader that stops reading holds up nobody, and a third at once is refused', async () => {
  const [one, two] = [await ask(''), await ask('')];
  const third = await ask('');
  expect([200, 429]).toContain(third.status);
  await third.body?.cancel();
  await one.body?.cancel();
  await two.body?.cancel();
  for (;;) {
    const again = await ask('?limit=1');
    await again.body?.cancel();
    if (again.status === 200) break;
    expect(again.status).toBe(429);
    await delay(100);
  }
});
