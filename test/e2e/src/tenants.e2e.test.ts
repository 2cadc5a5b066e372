// Isolation: whatever one tenant sends, another tenant's sessions are not there for it.

import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, json, send, textOf } from './http-client.ts';
import { adminKey, as, makeTenant, type TestTenant } from './tenants.ts';

let app: AppProcess;
let folder: string;
const env = (): Record<string, string> => ({
  TIDEMARK_DATA_DIR: join(folder, 'data'),
  TIDEMARK_ADMIN_KEY: adminKey,
  TIDEMARK_LONG_POLL_MS: '300',
});
const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder, env: env() });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-tenants-'));
  app = await start();
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

const placements = [
  { what: 'topics of their own', one: {}, two: { partitions: 4 } },
  { what: 'one pool topic', one: { pooled: true }, two: { pooled: true } },
  { what: 'a pool and a topic', one: { pooled: true }, two: {} },
];

describe.each(placements)('two tenants with $what', ({ one, two }) => {
  let owner: TestTenant;
  let stranger: TestTenant;

  beforeAll(async () => {
    owner = await makeTenant(app.url, one);
    stranger = await makeTenant(app.url, two);
    const request = as(owner, app.url);
    await request('secret/a', { method: 'PUT' });
    await request('secret/a', { method: 'POST', body: '["secret"]' });
  });

  test('have names of their own', async () => {
    const request = as(stranger, app.url);
    expect((await request('secret/a', { method: 'PUT' })).status).toBe(201);
    expect((await request('secret/a', { method: 'POST', body: '["mine"]' })).status).toBe(204);
    expect(textOf(await request('secret/a'))).toBe('["mine"]');
    expect(textOf(await as(owner, app.url)('secret/a'))).toBe('["secret"]');
    expect((await request('secret/a', { method: 'DELETE' })).status).toBe(204);
    expect(textOf(await as(owner, app.url)('secret/a'))).toBe('["secret"]');
  });

  test('find nothing of one another by any request', async () => {
    const request = as(stranger, app.url);
    const ids = [owner.id, `${owner.id}/secret`, `../${owner.id}/secret`, 'secret'];
    const forked = { 'stream-forked-from': 'secret/a' };
    const answers = await Promise.all([
      request('secret/a'),
      request('secret/a', { method: 'HEAD' }),
      request('secret/a', { method: 'POST', body: '1' }),
      request('secret/a', { method: 'DELETE' }),
      request('secret/a?offset=-1&live=long-poll'),
      request('secret/a?offset=-1&live=sse'),
      request('fork', { method: 'PUT', headers: forked }),
      ...ids.map((id) => request(`${id}/a`)),
    ]);
    for (const answer of answers) {
      expect([400, 404]).toContain(answer.status);
      expect(textOf(answer)).not.toContain('"secret"]');
    }
    expect(answers.filter(({ status }) => status === 404).length).toBeGreaterThanOrEqual(10);
  });

  test('have cursors that are of no use to one another', async () => {
    const mine = as(stranger, app.url);
    const theirs = as(owner, app.url);
    await mine('same', { method: 'PUT' });
    await theirs('same', { method: 'PUT' });
    await theirs('same', { method: 'POST', body: '["a","b"]' });
    await mine('same', { method: 'POST', body: '["c","d","e"]' });
    const offset = String((await theirs('same')).headers['stream-next-offset']);
    const answer = await mine(`same?offset=${offset}`);
    expect(answer.status).toBe(400);
    expect(textOf(answer)).toContain('invalid-offset');
  });
});

test('without a key, or with a wrong one, there is nothing', async () => {
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: `Bearer ${adminKey}` },
    { authorization: 'Basic eDp5' },
    { 'x-api-key': '' },
  ]) {
    const answer = await send(`${app.url}/v1/stream/a`, { headers: { ...headers } });
    expect(answer.status).toBe(401);
    expect(textOf(answer)).toContain('unauthenticated');
  }
});

test('only the operator makes tenants', async () => {
  const tenant = await makeTenant(app.url);
  const body = JSON.stringify({ id: 'another' });
  for (const key of ['wrong', tenant.key, '']) {
    const headers = { ...json, authorization: `Bearer ${key}` };
    const answer = await send(`${app.url}/v1/admin/tenants`, { method: 'POST', headers, body });
    expect(answer.status).toBe(401);
  }
  const headers = { ...json, authorization: `Bearer ${adminKey}` };
  const keys = ['short', 'k'.repeat(257), `${'k'.repeat(24)} k`, `ü${'k'.repeat(24)}`];
  const withKeys = keys.map((apiKey) => JSON.stringify({ id: 'x', apiKey }));
  for (const wrong of [
    ...withKeys,
    '{',
    '[]',
    '1',
    '{"id":"A B"}',
    '{"id":"x","partitions":0}',
    '{"id":1}',
  ]) {
    const answer = await send(`${app.url}/v1/admin/tenants`, {
      method: 'POST',
      headers,
      body: wrong,
    });
    expect(answer.status).toBe(400);
  }
});

test('the name of a scheme has no case', async () => {
  const { key } = await makeTenant(app.url);
  for (const scheme of ['bearer', 'BEARER', 'Bearer']) {
    const headers = { ...json, authorization: `${scheme} ${key}` };
    const answer = await send(`${app.url}/v1/stream/${scheme}`, { method: 'PUT', headers });
    expect(answer.status).toBe(201);
  }
});

test('a tenant and its key outlive the process', async () => {
  const tenant = await makeTenant(app.url, { pooled: true });
  await as(tenant, app.url)('kept', { method: 'PUT', body: '["kept"]' });
  app.kill('SIGKILL');
  await app.ended;
  app = await start();
  expect(textOf(await as(tenant, app.url)('kept'))).toBe('["kept"]');
});

/** An operator's request. */
async function operate(path: string, fields: object = {}): Promise<Answer> {
  const headers = { ...json, authorization: `Bearer ${adminKey}` };
  const body = JSON.stringify(fields);
  return send(`${app.url}/v1/admin/tenants${path}`, { method: 'POST', headers, body });
}

test('a key of one tenant makes no other, and opens no other after a restart', async () => {
  const owner = await makeTenant(app.url);
  const theirs = `t-${randomUUID().slice(0, 18)}`;
  await as(owner, app.url)('mine', { method: 'PUT', body: '["mine"]' });
  const refused = await operate('', { id: theirs, apiKey: owner.key });
  expect(refused.status).toBe(409);
  expect(textOf(refused)).toContain('key-taken');
  expect((await operate('', { id: theirs })).status).toBe(201);
  expect((await operate(`/${theirs}/keys`, { apiKey: owner.key })).status).toBe(409);
  app.kill('SIGKILL');
  await app.ended;
  app = await start();
  expect(textOf(await as(owner, app.url)('mine'))).toBe('["mine"]');
});

test('keys are added and revoked; a suspended tenant opens to nobody, and what it follows ends', async () => {
  const tenant = await makeTenant(app.url);
  await as(tenant, app.url)('a', { method: 'PUT', body: '["a"]' });
  const added = await operate(`/${tenant.id}/keys`);
  const { apiKey } = JSON.parse(textOf(added)) as { readonly apiKey: string };
  const second = { ...tenant, key: apiKey };
  expect(textOf(await as(second, app.url)('a'))).toBe('["a"]');
  expect((await operate(`/${tenant.id}/keys/revoke`, { apiKey: tenant.key })).status).toBe(204);
  expect((await as(tenant, app.url)('a')).status).toBe(401);
  expect(textOf(await as(second, app.url)('a'))).toBe('["a"]');
  const followed = await fetch(`${app.url}/v1/stream/a?offset=now&live=sse`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  expect(followed.status).toBe(200);
  expect((await operate(`/${tenant.id}/suspend`)).status).toBe(204);
  // Followed by a tenant that is not suspended it ends after a minute, and the time of a test before.
  await followed.text();
  expect((await as(second, app.url)('a')).status).toBe(401);
  expect((await operate(`/${tenant.id}/resume`)).status).toBe(204);
  expect(textOf(await as(second, app.url)('a'))).toBe('["a"]');
  expect((await operate('/nobody/keys')).status).toBe(404);
});

test('streams from before there were keys are reached by a key for their tenant, and without keys again', async () => {
  const keyless = await mkdtemp(join(tmpdir(), 'tidemark-keyless-'));
  const open = (more: Record<string, string> = {}): Promise<AppProcess> => {
    const env = { TIDEMARK_DATA_DIR: join(keyless, 'data'), ...more };
    return startApp({ app: 'server', index: 0, folder: keyless, env });
  };
  const request = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
    send(`${url}/v1/stream/kept`, { headers });
  {
    await using server = await open();
    const parts = { method: 'PUT', headers: json, body: '["kept"]' };
    expect((await send(`${server.url}/v1/stream/kept`, parts)).status).toBe(201);
  }
  {
    await using server = await open({ TIDEMARK_ADMIN_KEY: adminKey });
    const headers = { ...json, authorization: `Bearer ${adminKey}` };
    const body = JSON.stringify({ id: 'default' });
    const made = await send(`${server.url}/v1/admin/tenants`, { method: 'POST', headers, body });
    expect(made.status).toBe(200);
    const { apiKey } = JSON.parse(textOf(made)) as { readonly apiKey: string };
    const found = await request(server.url, { authorization: `Bearer ${apiKey}` });
    expect(textOf(found)).toBe('["kept"]');
    expect((await request(server.url)).status).toBe(401);
  }
  await using server = await open();
  expect(textOf(await request(server.url))).toBe('["kept"]');
});

test('the fold level of the cell is raised to what its processes know, and no further', async () => {
  const level = async (fields: object): Promise<Answer> => {
    const headers = { ...json, authorization: `Bearer ${adminKey}` };
    const body = JSON.stringify(fields);
    return send(`${app.url}/v1/admin/level`, { method: 'POST', headers, body });
  };
  const raised = await level({ level: 1 });
  expect(raised.status).toBe(200);
  expect(JSON.parse(textOf(raised))).toMatchObject({ level: 1, behind: {} });
  for (const wrong of [{ level: 99 }, { level: 0 }, { level: '1' }, {}]) {
    expect((await level(wrong)).status).toBe(400);
  }
});
