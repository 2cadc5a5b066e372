// The live socket: one connection for many sessions.

import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveClient } from './live-client.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('live');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function send(session: string, ...events: readonly object[]): Promise<void> {
  const response = await fetch(`${server.url}/v1/sessions/${session}/events`, {
    method: 'POST',
    body: JSON.stringify({ events }),
  });
  expect(response.status).toBe(200);
}

const remove = (session: string): Promise<Response> =>
  fetch(`${server.url}/v1/sessions/${session}`, { method: 'DELETE' });

const numbered = (from: number, count: number): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({
    type: index % 2 ? 'odd' : 'even',
    n: from + index,
  }));

const numbersOf = (events: readonly Record<string, unknown>[]): readonly unknown[] =>
  events.map(({ n }) => n);

test('catch-up goes over into live, without a gap and without anything twice', async () => {
  using client = new LiveClient(server.url);
  await send('joined', ...numbered(0, 500));
  const writing = (async () => {
    for (let n = 500; n < 700; n += 1) await send('joined', { type: 'x', n });
  })();
  const { ch } = await client.ask({ type: 'sub', session: 'joined', after: 'start' });
  await writing;
  const events = await client.reached(ch, 700);
  expect(numbersOf(events)).toEqual(Array.from({ length: 700 }, (_, n) => n));
  const live = await client.until(({ type, ch: channel }) => type === 'live' && channel === ch);
  expect(live.cursor).toMatch(/^\d{16}_/);
});

test('many sessions over one socket, each by its own filter and from its own place', async () => {
  using client = new LiveClient(server.url);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => send(`many-${index}`, ...numbered(0, 4))),
  );
  const channels = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const after = index % 2 === 0 ? 'start' : 'now';
      return client.ask({ type: 'sub', session: `many-${index}`, after, types: ['odd'] });
    }),
  );
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => send(`many-${index}`, ...numbered(4, 2))),
  );
  for (const [index, { ch }] of channels.entries()) {
    const expected = index % 2 === 0 ? [1, 3, 5] : [5];
    expect(numbersOf(await client.reached(ch, expected.length))).toEqual(expected);
  }
});

test('a cut connection goes on from its cursors', async () => {
  await send('cut', ...numbered(0, 10));
  let cursor: string | undefined;
  const seen: unknown[] = [];
  for (let round = 0; round < 4; round += 1) {
    using client = new LiveClient(server.url);
    const { ch } = await client.ask({ type: 'sub', session: 'cut', after: cursor ?? 'start' });
    await send('cut', ...numbered(10 + round, 1));
    seen.push(...numbersOf(await client.reached(ch, round === 0 ? 11 : 1)));
    cursor = client.frames.findLast((frame) => frame.type === 'ev')?.cursor;
  }
  expect(seen).toEqual(Array.from({ length: 14 }, (_, n) => n));
});

test('a subscription without credit waits, and holds up no other', async () => {
  using client = new LiveClient(server.url);
  const text = 'x'.repeat(50_000);
  for (let n = 0; n < 40; n += 1) await send('large', { type: 'a', n, text });
  await send('small', { type: 'a', n: 0 });
  const { ch } = await client.ask({
    type: 'sub',
    session: 'large',
    after: 'start',
    credit: 100_000,
  });
  const other = await client.ask({ type: 'sub', session: 'small', after: 'start' });
  await client.until(({ type, ch: channel }) => type === 'live' && channel === other.ch);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = client.eventsOf(ch).length;
  expect(before).toBeLessThan(10);
  client.send({ type: 'credit', ch, bytes: 10_000_000 });
  expect(numbersOf(await client.reached(ch, 40))).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

test('appends are acknowledged by their reference, and are what everybody reads', async () => {
  using client = new LiveClient(server.url);
  const sub = await client.ask({
    type: 'append',
    session: 'by-socket',
    events: [{ type: 'a', n: 1 }],
  });
  expect(sub).toMatchObject({ type: 'ok', ids: [expect.stringMatching(/^sevt_/)] });
  const refused = await client.ask({ type: 'append', session: 'by-socket', events: [{ n: 1 }] });
  expect(refused).toMatchObject({
    type: 'err',
    code: 'invalid-request',
    retry: 'never',
    effect: 'none',
  });
  const { ch } = await client.ask({ type: 'sub', session: 'by-socket', after: 'start' });
  expect((await client.reached(ch, 1))[0]).toMatchObject({ id: (sub['ids'] as string[])[0], n: 1 });
});

test('a session that ends, or is deleted, says so; one that is not there is refused', async () => {
  using client = new LiveClient(server.url);
  await send('ends', { type: 'a' });
  await send('goes', { type: 'a' });
  const ends = await client.ask({ type: 'sub', session: 'ends' });
  const goes = await client.ask({ type: 'sub', session: 'goes' });
  await fetch(`${server.url}/v1/sessions/ends/archive`, { method: 'POST' });
  await remove('goes');
  const endOf = (ch: unknown): Promise<object> =>
    client.until((frame) => frame.type === 'end' && frame.ch === ch);
  expect(await endOf(ends.ch)).toMatchObject({ reason: 'closed' });
  expect(client.eventsOf(ends.ch).map(({ type }) => type)).toEqual(['session.status_terminated']);
  expect(await endOf(goes.ch)).toMatchObject({ reason: 'deleted' });
  expect(await client.ask({ type: 'sub', session: 'goes' })).toMatchObject({
    code: 'session-not-found',
  });
  await send('goes', { type: 'b' });
  const again = await client.ask({ type: 'sub', session: 'goes', after: 'start' });
  expect(again.ch).not.toBe(goes.ch);
  expect((await client.reached(again.ch, 1)).map(({ type }) => type)).toEqual(['b']);
});

test('the fleet is told of state changes, and how much is going on', async () => {
  using client = new LiveClient(server.url);
  await client.ask({ type: 'sub', fleet: true });
  const counters = await client.ask({ type: 'sub', counters: true });
  await send('ship', { type: 'session.status_running' });
  const change = await client.until(
    (frame) =>
      frame.type === 'fleet' &&
      (frame['sessions'] as { id: string; status?: string }[]).some(
        ({ id, status }) => id === 'ship' && status === 'running',
      ),
  );
  expect(change['has_more']).toBe(false);
  await client.until(
    ({ ch: channel, ...frame }) => channel === counters.ch && Number(frame['events']) > 0,
  );
  await fetch(`${server.url}/v1/sessions/ship/end`, { method: 'POST' });
  await remove('ship');
  await client.until(
    (frame) =>
      frame.type === 'fleet' &&
      (frame['sessions'] as { id: string; deleted?: boolean }[]).some(
        ({ id, deleted }) => id === 'ship' && deleted === true,
      ),
  );
});

test('nonsense is answered, or ends the connection, and harms nobody', async () => {
  using client = new LiveClient(server.url);
  await client.until(({ type }) => type === 'ready');
  for (const text of [
    '',
    '7',
    '{}',
    '{"type":"sub"}',
    '{"type":"sub","ref":"x","session":"$sub/a"}',
  ]) {
    client.sendText(text);
  }
  client.send({ type: 'sub', ref: 'last', session: 'not/../there' });
  expect(await client.until(({ ref }) => ref === 'last')).toMatchObject({ type: 'err' });
  expect(client.frames.filter(({ type }) => type === 'err').length).toBe(6);
  client.sendText('x'.repeat(2_000_000));
  expect((await client.closed()).code).toBe(1009);
  using other = new LiveClient(server.url);
  expect(await other.until(({ type }) => type === 'ready')).toMatchObject({ tenant: 'default' });
});

/** The status of an upgrade that a page of this origin asks for. */
function upgradeStatus(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request(`${server.url}/v1/live`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'tidemark.v1',
        ...headers,
      },
    });
    asking.on('response', ({ statusCode }) => resolve(statusCode));
    asking.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    asking.on('error', reject);
    asking.end();
  });
}

test('a page of another origin opens none, nor one that calls the server by another name', async () => {
  expect(await upgradeStatus({})).toBe(101);
  expect(await upgradeStatus({ origin: server.url })).toBe(101);
  expect(await upgradeStatus({ origin: 'https://evil.example' })).toBe(403);
  expect(await upgradeStatus({ host: 'evil.example' })).toBe(403);
});

describe('with keys', () => {
  let keyed: OwnServer;
  let tenant: TestTenant;

  beforeAll(async () => {
    keyed = await startOwnServer('live-keys', { TIDEMARK_ADMIN_KEY: adminKey });
    tenant = await makeTenant(keyed.url);
  });
  afterAll(async () => {
    await keyed?.[Symbol.asyncDispose]();
  });

  const asTenant = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${keyed.url}${path}`, {
      method,
      headers: { 'x-api-key': tenant.key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  const bearer = (key: string): string =>
    `tidemark.bearer.${Buffer.from(key).toString('base64url')}`;

  test('a key comes as a subprotocol or in the first message, and a wrong one ends the socket', async () => {
    using offered = new LiveClient(keyed.url, ['tidemark.v1', bearer(tenant.key)]);
    expect(await offered.until(({ type }) => type === 'ready')).toMatchObject({
      tenant: tenant.id,
    });
    using later = new LiveClient(keyed.url);
    await new Promise((resolve) => setTimeout(resolve, 100));
    later.send({ type: 'hello', token: tenant.key });
    expect(await later.until(({ type }) => type === 'ready')).toMatchObject({ tenant: tenant.id });
    using wrong = new LiveClient(keyed.url, ['tidemark.v1', bearer('k'.repeat(30))]);
    expect((await wrong.closed()).code).toBe(4_401);
  });

  test('a client token opens its session only, and ends with it what it follows', async () => {
    await asTenant('POST', '/v1/sessions/one/events', { type: 'a' });
    await asTenant('POST', '/v1/sessions/two/events', { type: 'a' });
    const made = await asTenant('POST', '/v1/sessions/one/tokens', { scopes: ['read'] });
    const { id, token } = (await made.json()) as { id: string; token: string };
    using client = new LiveClient(keyed.url, ['tidemark.v1', bearer(token)]);
    const { ch } = await client.ask({ type: 'sub', session: 'one', after: 'start' });
    await client.reached(ch, 1);
    const codeOf = async (message: object): Promise<unknown> => (await client.ask(message))['code'];
    expect(await codeOf({ type: 'sub', session: 'two' })).toBe('session-not-found');
    expect(await codeOf({ type: 'sub', session: 'none' })).toBe('session-not-found');
    expect(await codeOf({ type: 'sub', fleet: true })).toBe('forbidden');
    expect(await codeOf({ type: 'append', session: 'one', events: [{ type: 'x' }] })).toBe(
      'forbidden',
    );
    await asTenant('DELETE', `/v1/sessions/one/tokens/${id}`);
    expect((await client.closed()).code).toBe(4_401);
  });

  test('a revoked key closes its sockets; a renewed one keeps them', async () => {
    const made = async (name: string): Promise<{ id: string; apiKey: string }> =>
      (await (await asTenant('POST', '/v1/keys', { name })).json()) as {
        id: string;
        apiKey: string;
      };
    const [old, next] = [await made('old'), await made('next')];
    using kept = new LiveClient(keyed.url, ['tidemark.v1', bearer(old.apiKey)]);
    using cut = new LiveClient(keyed.url, ['tidemark.v1', bearer(old.apiKey)]);
    await cut.ask({ type: 'sub', session: 'one' });
    expect(await kept.ask({ type: 'renew', token: next.apiKey })).toMatchObject({ type: 'ok' });
    await asTenant('DELETE', `/v1/keys/${old.id}`);
    const revokedMs = performance.now();
    expect((await cut.closed()).code).toBe(4_401);
    console.log(
      `measured: ended ${Math.round(performance.now() - revokedMs)} ms after it was revoked`,
    );
    expect(await kept.ask({ type: 'sub', session: 'one' })).toMatchObject({ type: 'ok' });
  });
});
