// Search over HTTP: what was acknowledged is found, and what is gone is not.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let server: OwnServer;
let folder: string;
let tenant: TestTenant;
const start = (): Promise<OwnServer> =>
  startOwnServer('search', { TIDEMARK_ADMIN_KEY: adminKey, TIDEMARK_DATA_DIR: folder });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-search-'));
  server = await start();
  tenant = await makeTenant(server.url);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

interface Found {
  readonly data: readonly Record<string, unknown>[];
  readonly hits?: readonly Record<string, unknown>[];
  readonly next_page: string | null;
  readonly not_searched: Record<string, unknown>;
}

async function ask(
  path: string,
  {
    key = tenant.key,
    method = 'GET',
    body,
  }: { key?: string; method?: string; body?: unknown } = {},
): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method,
    headers: { 'x-api-key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const find = async (query: string, more = ''): Promise<Found> =>
  (await (await ask(`/v1/search?q=${encodeURIComponent(query)}${more}`)).json()) as Found;

const turn = (n: number, command: string, output: string, isError = false): readonly object[] => [
  { type: 'user.message', content: [{ type: 'text', text: `please look at step ${n}` }] },
  { type: 'agent.tool_use', id: `call-${n}`, name: 'bash', input: { command } },
  {
    type: 'agent.tool_result',
    tool_use_id: `call-${n}`,
    content: [{ type: 'text', text: output }],
    is_error: isError,
  },
  { type: 'agent.message', content: [{ type: 'text', text: `step ${n} is done` }] },
];

const send = async (session: string, events: readonly object[]): Promise<void> =>
  expect(
    (await ask(`/v1/sessions/${session}/events`, { method: 'POST', body: events })).status,
  ).toBe(200);

test('an event is found by its words, its path, its tool and its error, as soon as it is acknowledged', async () => {
  await send('build', turn(1, 'npm run build', 'compiled libs/kafka/src/metadataSurvey.ts:42'));
  await send(
    'deploy',
    turn(2, 'kubectl apply', 'Error: permission denied by admissionWebhook', true),
  );
  expect((await find('metadataSurvey')).data[0]).toMatchObject({ session_id: 'build', seq: 2 });
  expect((await find('libs/kafka/src/metadataSurvey.ts')).data[0]).toMatchObject({ seq: 2 });
  const denied = await find('tool:bash error:permission');
  expect(denied.data).toMatchObject([{ session_id: 'deploy', is_error: true, tool: 'bash' }]);
  expect(denied.data[0]?.['snippet']).toContain('permission denied');
  const both = await find('step done', '&group=session');
  expect(new Set(both.data.map(({ session_id: id }) => id))).toEqual(new Set(['build', 'deploy']));
  expect((await find('"step 1 is done"')).data).toHaveLength(1);
  expect((await find('kubect* -build')).data[0]).toMatchObject({ session_id: 'deploy' });
  const wrong = await ask('/v1/search?q=%22unclosed');
  expect([200, 400]).toContain(wrong.status);
});

test('in one session a hit comes with what stands around it', async () => {
  for (let n = 10; n < 30; n += 1)
    await send('long', turn(n, `echo number${n}`, `number${n} it was`));
  const response = await ask('/v1/sessions/long/events?q=number17&context=1&limit=1');
  const { data, hits } = (await response.json()) as Found;
  expect(hits).toHaveLength(1);
  expect(data.map(({ type }) => type)).toHaveLength(3);
  expect(JSON.stringify(data)).toContain('number17');
  const few = await ask('/v1/sessions/long/events?q=number*&context=2&limit=20&max_tokens=300');
  const cut = (await few.json()) as Found & { token_estimate: number };
  expect(cut.token_estimate).toBeLessThan(600);
  const pages: unknown[] = [];
  let page = '';
  do {
    const found = await find('step', `&limit=7${page}`);
    pages.push(...found.data.map(({ event_id: id }) => id));
    page = found.next_page === null ? '' : `&page=${encodeURIComponent(found.next_page)}`;
  } while (page !== '');
  expect(new Set(pages).size).toBe(pages.length);
  expect(pages.length).toBeGreaterThanOrEqual(44);
});

test('a restart forgets nothing, a deleted session is found no more, and no other tenant finds any', async () => {
  await server[Symbol.asyncDispose]();
  server = await start();
  expect((await find('admissionWebhook')).data).toHaveLength(1);
  await send('late', [
    { type: 'agent.message', content: [{ type: 'text', text: 'admissionWebhook again' }] },
  ]);
  expect((await find('admissionWebhook')).data).toHaveLength(2);
  const before = (await find('admissionWebhook')).data.map(({ score }) => score);
  expect(await ask('/v1/sessions/deploy', { method: 'DELETE' })).toMatchObject({ status: 200 });
  expect((await find('admissionWebhook')).data).toMatchObject([{ session_id: 'late' }]);
  const other = await makeTenant(server.url);
  const nothing = await ask('/v1/search?q=admissionWebhook', { key: other.key });
  expect(((await nothing.json()) as Found).data).toEqual([]);
  await ask('/v1/sessions/theirs/events', {
    key: other.key,
    method: 'POST',
    body: { type: 'agent.message', content: [{ type: 'text', text: 'admissionWebhook' }] },
  });
  const after = (await find('admissionWebhook')).data.map(({ score }) => score);
  expect(after).toHaveLength(1);
  expect(before).toHaveLength(2);
  await server[Symbol.asyncDispose]();
  server = await start();
  expect((await find('admissionWebhook')).data).toMatchObject([
    { session_id: 'late', score: after[0] },
  ]);
});
