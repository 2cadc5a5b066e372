// A token that shows a part of a session, or what is left of it without what it says: over every surface that reads.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveClient } from './live-client.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

type Fields = Readonly<Record<string, unknown>>;

let server: OwnServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startOwnServer('shares', { TIDEMARK_ADMIN_KEY: adminKey });
  tenant = await makeTenant(server.url);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(key: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', body, headers = {} } = asked;
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const read = async (key: string, path: string): Promise<Fields> => {
  const { status, text } = await ask(key, path);
  expect([path, status, text]).toEqual([path, 200, expect.any(String)]);
  return JSON.parse(text) as Fields;
};

const eventAt = (seq: number): Fields => ({
  id: `own_${seq}`,
  type: seq % 2 === 0 ? 'user.message' : 'agent.message',
  content: [{ type: 'text', text: `said at ${seq}.` }],
});

async function send(session: string, first: number, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, index) => eventAt(first + index));
  const path = `/v1/sessions/${session}/events`;
  const { status } = await ask(tenant.key, path, { method: 'POST', body: { events } });
  expect(status).toBe(200);
}

async function tokenOf(session: string, share: Fields): Promise<string> {
  const path = `/v1/sessions/${session}/tokens`;
  const { status, text } = await ask(tenant.key, path, { method: 'POST', body: share });
  expect([status, text]).toEqual([201, expect.any(String)]);
  return String((JSON.parse(text) as Fields)['token']);
}

/** The seqs of all events of which a text of ours stands there. */
const saidIn = (text: string): readonly number[] =>
  [...text.matchAll(/said at (\d+)\./g)].map(([, seq]) => Number(seq));

/** Positions of all cursors that stand there. */
const cursorsIn = (text: string): readonly number[] =>
  [...text.matchAll(/(\d{16})_/g)].map(([, position]) => Number(position));

const range = (first: number, end: number): readonly number[] =>
  Array.from({ length: end - first }, (_, index) => first + index);

describe('a share of a range', () => {
  const at = '/v1/sessions/ranged';
  let token: string;
  beforeAll(async () => {
    await send('ranged', 0, 20);
    token = await tokenOf('ranged', { first_seq: 5, last_seq: 9 });
  });

  test('lists what lies in it, in either order, by any filter, and no further', async () => {
    for (const [query, seqs] of [
      ['', range(5, 10)],
      ['?order=desc', range(5, 10).toReversed()],
      ['?last=2', [8, 9]],
      ['?to_seq=7', [5, 6]],
      ['?from_seq=8&to_seq=100', [8, 9]],
      ['?after=-1', range(5, 10)],
      ['?types[]=agent.message', [5, 7, 9]],
      ['?created_at[gte]=2020-01-01T00:00:00Z', range(5, 10)],
    ] as const) {
      const { status, text, headers } = await ask(token, `${at}/events${query}`);
      expect([query, status, saidIn(text)]).toEqual([query, 200, seqs]);
      const cursors = cursorsIn(`${text} ${headers.get('stream-next-offset') ?? ''}`);
      expect(cursors.filter((position) => position > 10)).toEqual([]);
    }
  });

  test('is paged to its end, and a cursor from elsewhere leads to nothing', async () => {
    const seqs: number[] = [];
    let page: string | null = '';
    while (page !== null) {
      const query: string = page === '' ? '' : `&page=${encodeURIComponent(page)}`;
      const told = await read(token, `${at}/events?limit=2${query}`);
      seqs.push(...saidIn(JSON.stringify(told)));
      page = told['next_page'] as string | null;
    }
    expect(seqs).toEqual(range(5, 10));
    const cursorAt = async (seq: number): Promise<string> => {
      const { headers } = await ask(tenant.key, `${at}/events?to_seq=${seq}`);
      return headers.get('stream-next-offset') ?? '';
    };
    const own = await ask(tenant.key, `${at}/events?limit=3`);
    const before = String((JSON.parse(own.text) as Fields)['next_page']);
    const { status, text } = await ask(token, `${at}/events?page=${encodeURIComponent(before)}`);
    expect([status, saidIn(text)]).toEqual([410, []]);
    expect(text).toContain('"headSeq":5');
    const beyond = (await cursorAt(20)).replace(/^\d{16}/, '0000000000000015');
    const answers = await Promise.all(
      [beyond, beyond.replace('15_', '90_')].map((cursor) =>
        ask(token, `${at}/events?after=${encodeURIComponent(cursor)}`),
      ),
    );
    expect(answers.map((answer) => [answer.status, saidIn(answer.text)])).toEqual([
      [200, []],
      [200, []],
    ]);
    expect(answers[0]?.headers.get('stream-next-offset')).toBe(
      answers[1]?.headers.get('stream-next-offset'),
    );
  });

  test('tells one event by seq and id, and of others not whether they are', async () => {
    expect((await ask(token, `${at}/events/7`)).status).toBe(200);
    expect((await ask(token, `${at}/events/own_7`)).status).toBe(200);
    for (const event of ['4', '10', '19', '20', 'own_4', 'own_10', 'own_none']) {
      const { status, text } = await ask(token, `${at}/events/${event}`);
      const { error } = JSON.parse(text) as { readonly error: Fields };
      expect([event, status, error['message']]).toEqual([
        event,
        404,
        'the session has no such event',
      ]);
    }
  });

  test('tells of its session where it begins and ends, and nothing that is counted or said of the rest', async () => {
    const body = { title: 'said at 99.', metadata: { who: 'said at 98.' } };
    await ask(tenant.key, at, { method: 'POST', body });
    const whole = await read(tenant.key, at);
    expect(whole).toMatchObject({ event_count: 21, first_seq: 0, title: 'said at 99.' });
    const shared = await read(token, at);
    expect(shared).toMatchObject({
      id: 'ranged',
      first_seq: 5,
      event_count: 10,
      event_bytes: 0,
      event_times: null,
      state_changed_at: shared['created_at'],
      turns: 0,
      title: null,
      metadata: {},
      updated_at: shared['created_at'],
      share: { first_seq: 5, last_seq: 9, redacted: false },
    });
    expect(saidIn(JSON.stringify(shared))).toEqual([]);
  });

  test('is followed to its end, and ends there', async () => {
    for (const path of ['events/stream', 'stream']) {
      const { status, text } = await ask(token, `${at}/${path}?after=-1`);
      expect([status, saidIn(text)]).toEqual([200, range(5, 10)]);
      expect(Math.max(...cursorsIn(text))).toBe(10);
    }
    const now = await ask(token, `${at}/stream`);
    expect([now.status, saidIn(now.text), cursorsIn(now.text)]).toEqual([200, [], []]);
  });

  test('is followed over the socket to its end, and nothing else is over that socket', async () => {
    using client = new LiveClient(server.url, [
      'tidemark.v1',
      `tidemark.bearer.${Buffer.from(token).toString('base64url')}`,
    ]);
    const told = await client.ask({ type: 'sub', session: 'ranged', after: 'start' });
    expect(told['session']).toMatchObject({ event_count: 10, title: null });
    const end = await client.until(({ type }) => type === 'end');
    expect(end).toMatchObject({ ch: told.ch, reason: 'closed' });
    const all = JSON.stringify(client.frames);
    expect(saidIn(all)).toEqual(range(5, 10));
    expect(Math.max(...cursorsIn(all))).toBe(10);
    for (const message of [
      { type: 'sub', fleet: true },
      { type: 'sub', counters: true },
      { type: 'append', session: 'ranged', events: [eventAt(20)] },
    ]) {
      expect(await client.ask(message)).toMatchObject({ type: 'err', code: 'forbidden' });
    }
    expect(await client.ask({ type: 'sub', session: 'other' })).toMatchObject({
      code: 'session-not-found',
    });
  });

  test('grows where it has no end, and others follow all of the session meanwhile', async () => {
    await send('growing', 0, 4);
    const [open, three] = [
      await tokenOf('growing', { first_seq: 3 }),
      await tokenOf('growing', { last_seq: 5 }),
    ];
    const clients = [tenant.key, open, three].map(
      (each) =>
        new LiveClient(server.url, [
          'tidemark.v1',
          `tidemark.bearer.${Buffer.from(each).toString('base64url')}`,
        ]),
    );
    for (const client of clients) {
      await client.ask({ type: 'sub', session: 'growing', after: 'start' });
    }
    const streamed = ask(three, '/v1/sessions/growing/stream?after=-1');
    const stop = new AbortController();
    const watched = fetch(`${server.url}/v1/sessions/growing/stream?after=-1`, {
      headers: { authorization: `Bearer ${tenant.key}` },
      signal: stop.signal,
    });
    expect((await watched).status).toBe(200);
    for (let seq = 4; seq < 12; seq += 1) await send('growing', seq, 1);
    const saidTo = (client: LiveClient | undefined) => saidIn(JSON.stringify(client?.frames));
    await clients[0]?.until(() => saidTo(clients[0]).length >= 12);
    await clients[1]?.until(() => saidTo(clients[1]).length >= 9);
    await clients[2]?.until(({ type }) => type === 'end');
    expect(clients.map(saidTo)).toEqual([range(0, 12), range(3, 12), range(0, 6)]);
    expect(saidIn((await streamed).text)).toEqual(range(0, 6));
    stop.abort();
    for (const client of clients) client[Symbol.dispose]();
  });
});

describe('a share without contents', () => {
  const at = '/v1/sessions/bare';
  const secret = 'what nobody may read';
  let token: string;
  beforeAll(async () => {
    const content = [{ type: 'text', text: secret }];
    const events = [
      { id: 'm1', type: 'user.message', content },
      { id: 'c1', type: 'agent.tool_use', name: 'bash', input: { command: secret } },
      { id: 'r1', type: 'agent.tool_result', tool_use_id: 'c1', content },
      { id: 'x1', type: 'my.own', [secret]: secret },
    ];
    await ask(tenant.key, `${at}/events`, { method: 'POST', body: { events } });
    token = await tokenOf('bare', { redacted: true });
  });

  test('tells by every surface what happened, and by none what was said', async () => {
    // Whoever reads all of it is told the same frames first, from the same places.
    using owner = new LiveClient(server.url, [
      'tidemark.v1',
      `tidemark.bearer.${Buffer.from(tenant.key).toString('base64url')}`,
    ]);
    const whole = await owner.ask({ type: 'sub', session: 'bare', after: 'start' });
    await owner.reached(whole.ch, 4);
    using client = new LiveClient(server.url, [
      'tidemark.v1',
      `tidemark.bearer.${Buffer.from(token).toString('base64url')}`,
    ]);
    const { ch } = await client.ask({ type: 'sub', session: 'bare', after: 'start' });
    const events = await client.reached(ch, 4);
    expect(
      events.map(({ id, type, name, tool_use_id }) => [id, type, name ?? tool_use_id]),
    ).toEqual([
      ['m1', 'user.message', undefined],
      ['c1', 'agent.tool_use', 'bash'],
      ['r1', 'agent.tool_result', 'c1'],
      ['x1', 'my.own', undefined],
    ]);
    const stop = new AbortController();
    const { body } = await fetch(
      `${server.url}${at}/stream?after=-1&event_deltas[]=agent.message`,
      { headers: { authorization: `Bearer ${token}` }, signal: stop.signal },
    );
    const preview = [
      { type: 'event_start', event: { id: 'p1', type: 'agent.message' } },
      { type: 'event_delta', event_id: 'p1', delta: { content: { type: 'text', text: secret } } },
    ];
    const previewed = await ask(tenant.key, `${at}/events`, { method: 'POST', body: preview });
    expect(previewed.status).toBe(200);
    await send('bare', 4, 1);
    let streamed = '';
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      streamed += piece;
      if (streamed.includes('own_4')) break;
    }
    await client.reached(ch, 5);
    const told = [
      streamed,
      JSON.stringify(client.frames),
      (await ask(token, `${at}/events`)).text,
      (await ask(token, `${at}/events?order=desc`)).text,
      (await ask(token, `${at}/events/1`)).text,
      (await ask(token, at)).text,
    ];
    for (const text of told) {
      expect(text).not.toContain(secret);
      expect(saidIn(text)).toEqual([]);
    }
    expect(streamed).not.toContain('event_start');
    expect(told.filter((text) => text.includes('[not shared]'))).toHaveLength(5);
  });
});

describe('a token with a share', () => {
  test('opens nothing that does not keep to it', async () => {
    await send('closed', 0, 3);
    const token = await tokenOf('closed', { first_seq: 1, redacted: true });
    const at = '/v1/sessions/closed';
    for (const path of [
      ...['facts', 'facts/x', 'audit', 'usage', 'retention', 'resources', 'resources/x'],
      ...['threads', 'threads/x', 'threads/x/events', 'threads/x/stream', 'tokens'],
    ]) {
      expect([path, (await ask(token, `${at}/${path}`)).status]).toEqual([path, 403]);
    }
    for (const query of [
      'q=said',
      'live=sse&offset=-1',
      'live=long-poll&offset=now',
      'offset=-1',
      'since=compaction',
      'anything=else',
    ]) {
      expect([query, (await ask(token, `${at}/events?${query}`)).status]).toEqual([query, 403]);
    }
    for (const path of [
      '/v1/stream/closed',
      '/v1/stream/closed?offset=-1&live=sse',
      '/v1/stream/closed?offset=now&live=long-poll',
      '/v1/search?q=said',
      '/v1/export?session=closed',
      '/v1/usage',
      '/v1/sessions',
      '/v1/erasures?session=closed',
      '/v3/sessions/closed',
      '/v3/sessions/closed/events',
    ]) {
      expect([path, (await ask(token, path)).status]).toEqual([path, 403]);
    }
    expect((await ask(token, '/v1/stream/closed', { method: 'HEAD' })).status).toBe(403);
    for (const [method, path] of [
      ['POST', `${at}/events`],
      ['POST', at],
      ['DELETE', at],
      ['POST', `${at}/archive`],
      ['POST', `${at}/tokens`],
      ['PUT', `${at}/facts/x`],
      ['POST', '/mcp'],
    ] as const) {
      expect([path, (await ask(token, path, { method, body: {} })).status]).toEqual([path, 403]);
    }
    const headers = { 'stream-forked-from': '/v1/stream/closed' };
    const fork = await ask(token, '/v1/stream/closed-fork', { method: 'PUT', headers });
    expect(fork.status).toBe(403);
  });

  test('is refused where it cannot be, and is listed with its share', async () => {
    await send('made', 0, 3);
    const path = '/v1/sessions/made/tokens';
    for (const body of [
      { first_seq: 4 },
      { first_seq: 2, last_seq: 1 },
      { first_seq: -1 },
      { redacted: 'yes' },
      { redacted: true, scopes: ['read', 'append'] },
      { last_seq: 1, scopes: ['steer'] },
    ]) {
      const { status, text } = await ask(tenant.key, path, { method: 'POST', body });
      expect([body, status, text]).toEqual([body, 400, expect.stringContaining('invalid-request')]);
    }
    const token = await tokenOf('made', { first_seq: 3, redacted: true, ttl_seconds: 60 });
    const listed = (await read(tenant.key, path))['data'];
    expect(listed).toEqual([
      expect.objectContaining({
        scopes: ['read'],
        share: { first_seq: 3, last_seq: null, redacted: true },
      }),
    ]);
    expect(saidIn((await ask(token, '/v1/sessions/made/events')).text)).toEqual([]);
    await send('made', 3, 1);
    const { data } = await read(token, '/v1/sessions/made/events');
    expect(data).toMatchObject([{ id: 'own_3', content: [{ text: '[not shared]' }] }]);
  });

  test('renews a socket of the same share only', async () => {
    await send('renewed', 0, 3);
    const [one, same, other] = [
      await tokenOf('renewed', { last_seq: 1 }),
      await tokenOf('renewed', { last_seq: 1 }),
      await tokenOf('renewed', { last_seq: 2 }),
    ];
    using client = new LiveClient(server.url, [
      'tidemark.v1',
      `tidemark.bearer.${Buffer.from(one).toString('base64url')}`,
    ]);
    expect(await client.ask({ type: 'renew', token: same })).toMatchObject({ type: 'ok' });
    client.send({ type: 'renew', ref: 'x', token: other });
    expect(await client.closed()).toMatchObject({ code: 4_401, reason: 'forbidden' });
  });

  test('shows what is kept of a session that was trimmed', async () => {
    await send('trimmed', 0, 8);
    const [through, before] = [
      await tokenOf('trimmed', { first_seq: 2, last_seq: 5 }),
      await tokenOf('trimmed', { last_seq: 2 }),
    ];
    const trim = { method: 'POST', body: { before_seq: 4 } };
    expect((await ask(tenant.key, '/v1/sessions/trimmed/trim', trim)).status).toBe(200);
    const listed = async (token: string): Promise<readonly number[]> =>
      saidIn((await ask(token, '/v1/sessions/trimmed/events')).text);
    expect([await listed(through), await listed(before)]).toEqual([[4, 5], []]);
    expect(await read(before, '/v1/sessions/trimmed')).toMatchObject({
      first_seq: 3,
      event_count: 3,
    });
  });
});
