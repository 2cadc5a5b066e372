// Who may do what: keys and their scopes, client tokens, quotas. Over a server that has keys.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let server: OwnServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startOwnServer('access', { TIDEMARK_ADMIN_KEY: adminKey });
  tenant = await makeTenant(server.url);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly data?: readonly Record<string, unknown>[] };
}

async function ask(key: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Answer['body']),
  };
}

const statusOf = async (...request: Parameters<typeof ask>): Promise<number> =>
  (await ask(...request)).status;

/** Resolves when the server has ended the stream; what it said until then. */
async function followed(
  path: string,
  headers: Record<string, string>,
): Promise<{ readonly status: number; readonly ended: Promise<string> }> {
  const response = await fetch(`${server.url}${path}`, { headers });
  return { status: response.status, ended: response.text() };
}

const events = '/v1/sessions/one/events';
const message = { type: 'user.message', content: [{ type: 'text', text: 'hi' }] };

describe('a key', () => {
  test('does what its scopes say, and is listed without being told', async () => {
    const make = async (...scopes: string[]): Promise<string> => {
      const { status, body } = await ask(tenant.key, 'POST', '/v1/keys', { name: 'n', scopes });
      expect(status).toBe(201);
      return String(body['apiKey']);
    };
    const [reader, writer, steerer] = [
      await make('read'),
      await make('append'),
      await make('steer'),
    ];
    expect(await statusOf(writer, 'POST', events, { type: 'a' })).toBe(200);
    expect(await statusOf(writer, 'GET', events)).toBe(403);
    expect(await statusOf(reader, 'GET', events)).toBe(200);
    expect(await statusOf(reader, 'POST', events, { type: 'a' })).toBe(403);
    expect(await statusOf(reader, 'GET', '/v1/stream/one')).toBe(200);
    expect(await statusOf(reader, 'DELETE', '/v1/stream/one')).toBe(403);
    expect(await statusOf(steerer, 'POST', events, message)).toBe(200);
    expect(await statusOf(steerer, 'POST', events, { type: 'agent.message' })).toBe(403);
    expect(await statusOf(steerer, 'POST', '/v1/sessions/one/pause')).toBe(403);
    for (const key of [reader, writer, steerer]) {
      expect(await statusOf(key, 'GET', '/v1/keys')).toBe(403);
    }
    const { body } = await ask(tenant.key, 'GET', '/v1/keys');
    expect(body.data).toHaveLength(4);
    expect(JSON.stringify(body)).not.toContain(reader);
    const used = body.data?.find(({ scopes }) => JSON.stringify(scopes) === '["read"]');
    expect(used).toMatchObject({ last_used_at: expect.any(String), expires_at: null });
  });

  test('is revoked: the next request is refused, and what it follows ends', async () => {
    const { body } = await ask(tenant.key, 'POST', '/v1/keys', { name: 'short' });
    const key = String(body['apiKey']);
    await ask(key, 'POST', events, { type: 'a' });
    const headers = { 'x-api-key': key };
    const open = await Promise.all([
      followed('/v1/sessions/one/events/stream', headers),
      followed('/v1/stream/one?offset=now&live=sse', headers),
    ]);
    const polling = followed('/v1/stream/one?offset=now&live=long-poll', headers);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { status } = await ask(tenant.key, 'DELETE', `/v1/keys/${String(body['id'])}`);
    const revokedMs = performance.now();
    expect(status).toBe(204);
    expect(await statusOf(key, 'GET', events)).toBe(401);
    await Promise.all(open.map(({ ended }) => ended));
    expect((await polling).status).toBe(401);
    console.log(
      `measured: ended ${Math.round(performance.now() - revokedMs)} ms after it was revoked`,
    );
  });

  test('is rotated: both open the tenant for a while, and then the new one does', async () => {
    const { body } = await ask(tenant.key, 'POST', '/v1/keys', { name: 'old' });
    const rotate = `/v1/keys/${String(body['id'])}/rotate`;
    const { body: next } = await ask(tenant.key, 'POST', rotate, { overlap_seconds: 1 });
    const both = [String(body['apiKey']), String(next['apiKey'])];
    expect(await Promise.all(both.map((key) => statusOf(key, 'GET', events)))).toEqual([200, 200]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await Promise.all(both.map((key) => statusOf(key, 'GET', events)))).toEqual([401, 200]);
  });
});

describe('a client token', () => {
  interface Token {
    readonly id: string;
    readonly token: string;
  }

  async function tokenFor(session: string, fields: object): Promise<Token> {
    const { status, body } = await ask(
      tenant.key,
      'POST',
      `/v1/sessions/${session}/tokens`,
      fields,
    );
    expect(status).toBe(201);
    return body as unknown as Token;
  }

  test('opens one session, for its scopes, and nothing else is there for it', async () => {
    await ask(tenant.key, 'POST', '/v1/sessions/two/events', { type: 'secret' });
    const { token } = await tokenFor('one', { scopes: ['read', 'steer'] });
    expect(await statusOf(token, 'GET', '/v1/sessions/one')).toBe(200);
    expect(await statusOf(token, 'GET', events)).toBe(200);
    expect(await statusOf(token, 'GET', '/v1/stream/one')).toBe(200);
    expect(await statusOf(token, 'POST', events, message)).toBe(200);
    expect(await statusOf(token, 'POST', events, { type: 'agent.message' })).toBe(403);
    expect(await statusOf(token, 'POST', '/v1/sessions/one/archive')).toBe(403);
    const elsewhere = [
      '/v1/sessions/two',
      '/v1/sessions/none',
      '/v1/stream/two',
      '/v1/sessions/two/events',
    ];
    for (const path of elsewhere) expect(await statusOf(token, 'GET', path)).toBe(404);
    for (const path of ['/v1/sessions', '/v1/agents', '/v1/keys']) {
      expect(await statusOf(token, 'GET', path)).toBe(403);
    }
    expect(await statusOf(token, 'POST', '/v1/sessions/one/tokens', {})).toBe(403);
    const changed = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    expect(await statusOf(changed, 'GET', '/v1/sessions/one')).toBe(401);
  });

  test('is taken from the address where a browser can send nothing else, and ends when it is revoked', async () => {
    const { id, token } = await tokenFor('one', {});
    const { status, ended } = await followed(`/v1/sessions/one/events/stream?token=${token}`, {});
    expect(status).toBe(200);
    const listed = await ask(tenant.key, 'GET', '/v1/sessions/one/tokens');
    expect(listed.body.data?.map((each) => each['id'])).toContain(id);
    expect(JSON.stringify(listed.body)).not.toContain(token);
    expect(await statusOf(tenant.key, 'DELETE', `/v1/sessions/one/tokens/${id}`)).toBe(204);
    await ended;
    expect(await statusOf(token, 'GET', events)).toBe(401);
    const { body } = await ask(tenant.key, 'GET', '/v1/sessions/one/audit');
    expect(body.data?.at(-1)).toMatchObject({
      act: 'token-revoked',
      by: expect.stringMatching(/^key_/),
    });
    expect(await readFile(server.app.logFile, 'utf8')).not.toContain(token);
  });
});

test('another tenant finds nothing: not by name, not by listing, not by guessing', async () => {
  const other = await makeTenant(server.url);
  await ask(tenant.key, 'POST', '/v1/sessions/mine/events', { type: 'a' });
  const { body } = await ask(tenant.key, 'GET', '/v1/sessions/mine/events');
  const id = String(body.data?.[0]?.['id']);
  for (const path of [
    '',
    '/events',
    `/events/${id}`,
    '/facts',
    '/audit',
    '/threads',
    '/events/stream',
  ]) {
    expect(await statusOf(other.key, 'GET', `/v1/sessions/mine${path}`)).toBe(404);
  }
  expect((await ask(other.key, 'GET', '/v1/sessions')).body.data).toEqual([]);
  expect(await statusOf(other.key, 'POST', '/v1/sessions/mine/archive')).toBe(404);
});

describe('quotas', () => {
  const configure = (quotas: object): Promise<Answer> =>
    ask(adminKey, 'POST', `/v1/admin/tenants/${tenant.id}`, { quotas });

  test('hold a tenant to its rate, with a time after which it is served; another is not touched', async () => {
    const other = await makeTenant(server.url);
    expect((await configure({ appendsPerSecond: 5 })).body['quotas']).toEqual({
      appendsPerSecond: 5,
    });
    const statuses: number[] = [];
    let retryAfter = 0;
    const startMs = performance.now();
    while (performance.now() - startMs < 2_000) {
      const round = await Promise.all(
        Array.from({ length: 16 }, () => ask(tenant.key, 'POST', events, { type: 'a' })),
      );
      for (const { status, headers } of round) {
        statuses.push(status);
        if (status === 429) retryAfter = Number(headers.get('retry-after'));
      }
      expect(await statusOf(other.key, 'POST', '/v1/sessions/x/events', { type: 'a' })).toBe(200);
    }
    const served = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const seconds = (performance.now() - startMs) / 1_000;
    expect(served).toBeLessThanOrEqual(5 + 5 * seconds + 16);
    expect(retryAfter).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, retryAfter * 1_000));
    expect(await statusOf(tenant.key, 'POST', events, { type: 'a' })).toBe(200);
  });

  test('bound how many sessions are made, by whatever makes one, and nothing else', async () => {
    const made = await makeTenant(server.url);
    const path = (name: string): string => `/v1/sessions/${name}`;
    const send = (name: string): Promise<number> =>
      statusOf(made.key, 'POST', `${path(name)}/events`, { type: 'a' });
    await ask(adminKey, 'POST', `/v1/admin/tenants/${made.id}`, { quotas: { sessionsPerHour: 3 } });
    expect(await send('one')).toBe(200);
    expect(await statusOf(made.key, 'PUT', path('two'), {})).toBe(201);
    expect(await statusOf(made.key, 'PUT', '/v1/stream/three', {})).toBe(201);
    for (const refused of [
      await ask(made.key, 'POST', `${path('four')}/events`, { type: 'a' }),
      await ask(made.key, 'PUT', path('four'), {}),
      await ask(made.key, 'POST', '/v1/sessions', {}),
      await ask(made.key, 'PUT', '/v1/stream/four', {}),
    ]) {
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60);
    }
    // What is there is written to, and asked for again.
    expect(await send('one')).toBe(200);
    expect(await statusOf(made.key, 'PUT', path('two'), {})).toBe(200);
  });

  test('bound an event and what is followed at once', async () => {
    await configure({ eventBytes: 500, liveConnections: 1 });
    const large = { type: 'a', text: 'x'.repeat(600) };
    expect(await statusOf(tenant.key, 'POST', events, large)).toBe(413);
    const headers = { 'x-api-key': tenant.key };
    const ending = new AbortController();
    const follow = (): Promise<Response> =>
      fetch(`${server.url}/v1/sessions/one/events/stream`, { headers, signal: ending.signal });
    expect((await follow()).status).toBe(200);
    expect((await follow()).status).toBe(429);
    ending.abort();
    await configure({});
    expect(await statusOf(tenant.key, 'POST', events, large)).toBe(200);
  });
});
