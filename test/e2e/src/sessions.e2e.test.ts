// What the vendor's clients do not ask for: by plain HTTP, over a server that is restarted in between.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-sessions-'));
  server = await start();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const start = (): Promise<OwnServer> =>
  startOwnServer('sessions', { TIDEMARK_DATA_DIR: folder, TIDEMARK_LONG_POLL_MS: '1000' });

async function restart(): Promise<void> {
  await server[Symbol.asyncDispose]();
  server = await start();
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly data?: readonly Record<string, unknown>[] };
}

async function ask(
  method: string,
  path: string,
  {
    body,
    headers = {},
  }: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed = text === '' ? {} : (JSON.parse(text) as Answer['body']);
  return { status: response.status, headers: response.headers, body: parsed };
}

const send = (session: string, ...events: readonly object[]): Promise<Answer> =>
  ask('POST', `/v1/sessions/${session}/events`, { body: { events } });

const typesOf = ({ body }: Answer): readonly unknown[] => body.data?.map(({ type }) => type) ?? [];

describe('with two headers changed', () => {
  test.each([
    ['x-api-key', { 'x-api-key': 'anything' }],
    ['Bearer', { authorization: 'Bearer anything' }],
    [
      'the old ones left in',
      {
        'x-api-key': 'anything',
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'managed-agents-2026-04-01',
      },
    ],
  ])('%s', async (_, headers) => {
    const body = { agent: 'agent_x', environment_id: 'env_y' };
    const { body: session } = await ask('POST', '/v1/sessions?beta=true', { body, headers });
    const path = `/v1/sessions/${String(session['id'])}/events?beta=true`;
    const event = { type: 'user.message', content: [{ type: 'text', text: 'hi' }] };
    const sent = await ask('POST', path, { body: { events: [event] }, headers });
    expect(sent.status).toBe(200);
    expect(typesOf(await ask('GET', path, { headers }))).toEqual(['user.message']);
  });
});

test('what one surface writes, the other reads: the same events, ids and order', async () => {
  const { body: sent } = await ask('POST', '/sessions/shared/events', {
    body: { type: 'a', n: 1 },
  });
  await ask('POST', '/v1/stream/shared', { body: [{ type: 'session.status_running' }, { n: 2 }] });
  await send('shared', { type: 'b' });
  const listed = await ask('GET', '/v1/sessions/shared/events');
  expect(typesOf(listed)).toEqual(['a', 'session.status_running', 'untyped', 'b']);
  expect(listed.body.data?.[0]?.['id']).toBe(sent.data?.[0]?.['id']);
  const raw = (await ask('GET', '/v1/stream/shared')).body as unknown as Record<string, unknown>[];
  expect(raw[0]).toEqual(listed.body.data?.[0]);
  expect(raw[3]).toEqual(listed.body.data?.[3]);
  expect((await ask('GET', '/v1/sessions/shared')).body).toMatchObject({
    status: 'running',
    lifecycle: { state: 'active' },
    event_count: 4,
  });
  const [, second] = listed.body.data ?? [];
  const byId = await ask('GET', `/v1/sessions/shared/events/${String(second?.['id'])}`);
  expect(byId.body).toEqual(second);
  expect((await ask('GET', '/v1/sessions/shared/events/3')).body).toMatchObject({ type: 'b' });
});

test('events are sliced by count, range, type, order and compaction', async () => {
  await send(
    'slices',
    ...Array.from({ length: 10 }, (_, n) => ({ type: n % 2 ? 'odd' : 'even', n })),
  );
  await send('slices', { type: 'session.context_compacted', summary: 's' }, { type: 'odd', n: 11 });
  const numbers = async (query: string): Promise<readonly unknown[]> =>
    (await ask('GET', `/v1/sessions/slices/events?${query}`)).body.data?.map(({ n }) => n) ?? [];
  expect(await numbers('last=3')).toEqual([9, undefined, 11]);
  expect(await numbers('from_seq=2&to_seq=5')).toEqual([2, 3, 4]);
  expect(await numbers('types[]=odd&order=desc&limit=2')).toEqual([11, 9]);
  expect(await numbers('since=compaction')).toEqual([undefined, 11]);
  expect(await numbers('created_at[lt]=2020-01-01T00:00:00Z')).toEqual([]);
  const wrong = await ask('GET', '/v1/sessions/slices/events?order=sideways');
  expect([wrong.status, wrong.body['type']]).toEqual([400, 'error']);
});

test('a listing goes on from an offset, and waits for more, as a stream does', async () => {
  await send('offsets', { type: 'a' }, { type: 'b' });
  const path = '/v1/sessions/offsets/events';
  const all = await ask('GET', `${path}?offset=-1`);
  expect(typesOf(all)).toEqual(['a', 'b']);
  const offset = all.headers.get('stream-next-offset') ?? '';
  expect(all.headers.get('stream-up-to-date')).toBe('true');
  expect(typesOf(await ask('GET', `${path}?offset=${offset}`))).toEqual([]);
  expect(typesOf(await ask('GET', `${path}?offset=now`))).toEqual([]);
  const waiting = ask('GET', `${path}?offset=${offset}&live=long-poll`);
  const following = await fetch(`${server.url}${path}?offset=${offset}&live=sse`);
  await send('offsets', { type: 'c', n: 3 });
  const waited = await waiting;
  expect(waited.body.data).toMatchObject([{ type: 'c', n: 3 }]);
  expect((await ask('GET', `${path}?offset=-1&live=long-poll`)).body.data).toHaveLength(3);
  const next = waited.headers.get('stream-next-offset') ?? '';
  expect((await ask('GET', `${path}?offset=now&live=long-poll`)).status).toBe(204);
  let frames = '';
  const decoder = new TextDecoder();
  for await (const bytes of following.body ?? []) {
    frames += decoder.decode(bytes, { stream: true });
    if (frames.includes(next)) break;
  }
  expect(frames).toMatch(/event: data\ndata:\[\{"id":.*"type":"c","n":3\}\]/);
  const wrong = [
    `offset=${offset}x`,
    'offset=-1&live=never',
    'live=sse',
    'offset=-1&live=sse&order=desc',
  ];
  for (const query of wrong) expect((await ask('GET', `${path}?${query}`)).status).toBe(400);
});

test('a repeat is answered with what stands, by key and by ids, and `expected` holds the tail', async () => {
  const headers = { 'idempotency-key': 'k1' };
  const body = { events: [{ type: 'a' }, { type: 'b' }] };
  const path = '/v1/sessions/repeats/events';
  const first = await ask('POST', path, { body, headers });
  const again = await ask('POST', path, { body, headers });
  expect(again.body).toEqual(first.body);
  const named = { events: [{ type: 'c', id: 'mine' }] };
  const one = await ask('POST', path, { body: named });
  const both = await send('repeats', { type: 'd' }, { type: 'c', id: 'mine' });
  expect(both.body.data?.[1]).toEqual(one.body.data?.[0]);
  expect((await ask('POST', `${path}?expected=3`, { body: { type: 'e' } })).status).toBe(412);
  expect((await ask('POST', `${path}?expected=4`, { body: { type: 'e' } })).status).toBe(200);
  expect(typesOf(await ask('GET', path))).toEqual(['a', 'b', 'c', 'd', 'e']);
  const made = await ask('POST', '/v1/sessions', { body: { title: 't' }, headers });
  const repeated = await ask('POST', '/v1/sessions', { body: { title: 't' }, headers });
  expect([made.status, repeated.status]).toEqual([201, 200]);
  expect(repeated.body['id']).toBe(made.body['id']);
});

test('who opens a stream, lists and leaves out what came twice has every event, whenever others send', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('send'), count: fc.integer({ min: 1, max: 5 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait'), count: fc.integer({ min: 1, max: 8 }) }),
    },
  );
  const steps = fc.array(step, { maxLength: 12 });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(steps, steps, steps, async (before, beside, behind) => {
      runs += 1;
      const name = `interleaved-${runs}`;
      const path = `/v1/sessions/${name}/events`;
      await send(name, { type: 'first' });
      const sent: Promise<Answer>[] = [];
      const run = async (program: typeof before): Promise<void> => {
        for (const { kind, count } of program) {
          if (kind === 'wait') await delay(count);
          else sent.push(send(name, ...Array.from({ length: count }, () => ({ type: 'more' }))));
        }
      };
      const sending = run(before)
        .then(() => run(beside))
        .then(() => run(behind));
      const ending = new AbortController();
      const { signal } = ending;
      const stream = await fetch(`${server.url}${path}/stream`, { signal });
      const heard: string[] = [];
      const listening = hear(stream, heard);
      const listed: string[] = [];
      for (let page = ''; ; ) {
        const { body } = await ask('GET', `${path}?limit=3${page}`);
        listed.push(...(body.data ?? []).map(({ id }) => String(id)));
        if (body['next_page'] === null) break;
        page = `&page=${String(body['next_page'] as string)}`;
      }
      await sending;
      await Promise.all(sent);
      const { body: all } = await ask('GET', path);
      const ids = (all.data ?? []).map(({ id }) => String(id));
      const known = (): readonly string[] => [...new Set([...listed, ...heard])];
      await vi.waitUntil(() => known().length >= ids.length, 10_000);
      expect(known()).toEqual(ids);
      expect(heard).toEqual([...new Set(heard)]);
      ending.abort();
      await listening;
    }),
    { numRuns: 40 },
  );
});

/** Ids of events, as their frames come. */
async function hear({ body }: Response, heard: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of body ?? []) {
      rest += decoder.decode(bytes, { stream: true });
      const frames = rest.split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const data = /^data: ?(.*)$/m.exec(frame)?.[1];
        const { id } = JSON.parse(data ?? '{}') as { id?: string };
        if (id !== undefined) heard.push(id);
      }
    }
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'AbortError') throw cause;
  }
}

test('a stream resumes behind the event that was seen last', async () => {
  await send('resumes', { type: 'one' }, { type: 'two' });
  const following = async (headers: Record<string, string>, count: number): Promise<string> => {
    const ending = new AbortController();
    const response = await fetch(`${server.url}/v1/sessions/resumes/events/stream`, {
      headers,
      signal: ending.signal,
    });
    if (count === 0) await send('resumes', { type: 'live' });
    let text = '';
    for await (const piece of response.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.split('\ndata:').length > Math.max(1, count)) break;
    }
    ending.abort();
    return text;
  };
  const live = await following({}, 0);
  expect(live).toContain('"type":"live"');
  expect(live).not.toContain('"type":"two"');
  const all = await following({ 'last-event-id': '-1' }, 3);
  const [, afterFirst = ''] = /id: (\S+)\n.*"type":"one"/.exec(all) ?? [];
  const rest = await following({ 'last-event-id': afterFirst }, 2);
  expect(rest.match(/"type":"(\w+)"/g)).toEqual(['"type":"two"', '"type":"live"']);
});

test('how its events lie in time is known of the whole of a session, and outlives a restart', async () => {
  const before = performance.timeOrigin + performance.now();
  await send('timed', { type: 'a' }, { type: 'a' }, { type: 'a' });
  const timesIn = async (): Promise<Record<string, unknown>> =>
    (await ask('GET', '/v1/sessions/timed')).body['event_times'] as Record<string, unknown>;
  const times = await timesIn();
  expect(times).toMatchObject({ span_seconds: 5, counts: [3] });
  expect(new Date(String(times['from'])).getTime()).toBeGreaterThan(before - 5_001);
  await restart();
  expect(await timesIn()).toEqual(times);
});

describe('sessions by the last change of their state', () => {
  const listed = async (query: string): Promise<Answer> =>
    ask('GET', `/v1/sessions?order_by=state_changed_at&agent_id=agent_m&${query}`);
  const namesIn = ({ body }: Answer): readonly unknown[] =>
    (body.data ?? []).map(({ id }) => String(id).slice('moving-'.length));
  const make = async (name: string): Promise<void> => {
    const body = { agent: { id: 'agent_m', name: 'm' } };
    await ask('PUT', `/v1/sessions/moving-${name}`, { body });
  };
  const run = (name: string): Promise<unknown> =>
    send(`moving-${name}`, { type: 'session.status_running' });

  test('move when that changes, and by nothing else they write; a page is of its order', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await make(name);
    await run('b');
    await send('moving-c', { type: 'user.message', content: [{ type: 'text', text: 'x' }] });
    await ask('POST', '/v1/sessions/moving-a/pause');
    expect(namesIn(await listed(''))).toEqual(['a', 'b', 'd', 'c']);
    expect(namesIn(await listed('order=asc'))).toEqual(['c', 'd', 'b', 'a']);
    expect(namesIn(await listed('statuses[]=running'))).toEqual(['b']);
    const { body } = await listed('limit=3');
    const page = body['next_page'] as string;
    expect(namesIn(await listed(`limit=3&page=${page}`))).toEqual(['c']);
    const wrong = `/v1/sessions?agent_id=agent_m&page=${page}`;
    expect((await ask('GET', wrong)).status).toBe(400);
    expect((await ask('GET', '/v1/sessions?order_by=name')).status).toBe(400);
    const [first] = body.data ?? [];
    expect(first).toMatchObject({ id: 'moving-a' });
    expect(first?.['state_changed_at']).toBe(
      (await ask('GET', '/v1/sessions/moving-a')).body['state_changed_at'],
    );
  });

  test('are each told once newest first, and all of them oldest first, while others change', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `while-${index}`);
    for (const name of names) await make(name);
    const told = async (order: string): Promise<readonly unknown[]> => {
      const all: unknown[] = [];
      let page = '';
      for (let turn = 0; turn < 40; turn += 1) {
        const answer = await listed(`limit=3&order=${order}&page=${page}`);
        all.push(...namesIn(answer));
        const next = answer.body['next_page'] as string | null;
        if (next === null) return all;
        page = next;
        if (turn < 8) await run(names[(turn * 5) % names.length] ?? '');
      }
      throw new Error('it never ends');
    };
    const down = await told('desc');
    expect(new Set(down).size).toBe(down.length);
    const up = await told('asc');
    expect([...new Set(up)]).toEqual(expect.arrayContaining(names));
    await restart();
    // What was published says where it stood before.
    await run('while-3');
    const all = namesIn(await listed('limit=100'));
    expect([all[0], all.length, new Set(all).size]).toEqual(['while-3', 16, 16]);
    expect((await ask('DELETE', '/v1/sessions/moving-while-4')).status).toBe(200);
    await make('while-4');
    const byMaking = namesIn(await ask('GET', '/v1/sessions?agent_id=agent_m&limit=100'));
    expect([byMaking[0], new Set(byMaking).size]).toEqual(['while-4', 16]);
  });
});

describe('durable facts', () => {
  test('compare and swap: of those who have seen one version, one puts the next', async () => {
    await send('facts', { type: 'a' });
    const put = (value: unknown, headers: Record<string, string>): Promise<Answer> =>
      ask('PUT', '/v1/sessions/facts/facts/plan', { body: value, headers });
    expect((await put({ step: 1 }, { 'if-none-match': '*' })).body).toEqual({
      key: 'plan',
      version: 1,
    });
    expect((await put({ step: 0 }, { 'if-none-match': '*' })).status).toBe(412);
    const racing = await Promise.all(
      Array.from({ length: 8 }, (_, step) => put({ step }, { 'if-match': '"1"' })),
    );
    expect(racing.filter(({ status }) => status === 200)).toHaveLength(1);
    const read = await ask('GET', '/v1/sessions/facts/facts/plan');
    expect(read.headers.get('etag')).toBe('"2"');
    expect((await ask('GET', '/v1/sessions/facts/facts')).body.data).toMatchObject([
      { key: 'plan', version: 2, value: read.body },
    ]);
    expect((await ask('GET', '/v1/sessions/facts')).body['fact_count']).toBe(1);
    expect((await ask('DELETE', '/v1/sessions/facts/facts/plan')).status).toBe(204);
    expect((await ask('GET', '/v1/sessions/facts/facts/plan')).status).toBe(404);
  });

  test('are told as they stood at an event; of what was taken away the value is told no more', async () => {
    const put = (key: string, body: unknown): Promise<Answer> =>
      ask('PUT', `/v1/sessions/past/facts/${key}`, { body });
    await send('past', { type: 'a' });
    await put('plan', 'first');
    await put('secret', 'xyzzy');
    await send('past', { type: 'a' });
    await put('plan', 'second');
    await send('past', { type: 'a' });
    await ask('DELETE', '/v1/sessions/past/facts/secret');
    const at = (seq: number | string): Promise<Answer> =>
      ask('GET', `/v1/sessions/past/facts?at_seq=${seq}`);
    expect((await at(0)).body).toEqual({ data: [], known_from_seq: 0 });
    const told = { version: 2, forgotten: true, updated_at: expect.any(String) };
    expect((await at(1)).body.data).toEqual([
      { key: 'plan', version: 1, value: 'first', updated_at: expect.any(String) },
      { key: 'secret', ...told },
    ]);
    expect((await at(2)).body.data).toMatchObject([
      { key: 'secret', version: 2 },
      { key: 'plan', version: 3, value: 'second' },
    ]);
    expect((await at(3)).status).toBe(404);
    expect((await at('x')).status).toBe(400);
    await ask('POST', '/v1/sessions/past/trim', { body: { before_seq: 2 } });
    expect((await at(1)).status).toBe(410);
    await restart();
    expect((await at(2)).body.data).toMatchObject([{ key: 'secret' }, { value: 'second' }]);
  });

  test('and all else that is known of a session is there after a restart, also of one left alone', async () => {
    const { body } = await ask('POST', '/v1/sessions', {
      body: { agent: 'agent_r', metadata: { a: 'b' }, limits: { events: 3 } },
    });
    const id = String(body['id']);
    await ask('PUT', `/v1/sessions/${id}/facts/k`, { body: [1] });
    await send(id, { type: 'session.status_running' });
    await ask('POST', `/v1/sessions/${id}/pause`);
    const before = (await ask('GET', `/v1/sessions/${id}`)).body;
    await restart();
    const after = (await ask('GET', `/v1/sessions/${id}`)).body;
    const still = { ...before, stats: after['stats'], usage: after['usage'] };
    expect(after).toEqual(still);
    expect((await ask('GET', `/v1/sessions/${id}/facts/k`)).body).toEqual([1]);
    const listed = await ask('GET', '/v1/sessions?agent_id=agent_r&metadata[a]=b');
    expect(listed.body.data?.map(({ id: each }) => each)).toEqual([id]);
  });
});

test('a life is told, refused where it cannot be, and audited', async () => {
  const { body } = await ask('POST', '/v1/sessions', { body: {} });
  const path = `/v1/sessions/${String(body['id'])}`;
  const states: unknown[] = [];
  for (const act of ['pause', 'resume', 'start', 'end', 'archive']) {
    const { body: told } = await ask('POST', `${path}/${act}`);
    states.push((told['lifecycle'] as { state: string }).state);
  }
  expect(states).toEqual(['paused', 'resumed', 'active', 'closed', 'archived']);
  const refused = await ask('POST', `${path}/start`);
  expect([refused.status, refused.body['error']]).toMatchObject([
    409,
    { code: 'transition-refused', details: { state: 'archived', possible: [] } },
  ]);
  expect(typesOf(await ask('GET', `${path}/events`))).toEqual([
    'session.paused',
    'session.resumed',
    'session.status_running',
    'session.status_terminated',
  ]);
  const audit = await ask('GET', `${path}/audit`);
  expect(audit.body.data?.map(({ act }) => act)).toEqual([
    'pause',
    'resume',
    'start',
    'end',
    'archive',
  ]);
  expect(audit.body.data?.[0]).toMatchObject({ request_id: expect.stringMatching(/^req_/) });
});

test('what was taken in is counted by day, in sum and each, over deletes and restarts', async () => {
  const end = (input: number, output: number): object => ({
    type: 'span.model_request_end',
    model_usage: { input_tokens: input, output_tokens: output },
  });
  const total = async (): Promise<Record<string, number>> => {
    const { body } = await ask('GET', '/v1/usage');
    const sums: Record<string, number> = {};
    for (const day of body.data ?? []) {
      for (const [name, value] of Object.entries(day)) {
        if (typeof value === 'number') sums[name] = (sums[name] ?? 0) + value;
      }
    }
    return sums;
  };
  const before = await total();
  await send('billed', { type: 'a' }, end(100, 7));
  await send('forgotten', { type: 'a' }, end(5, 1), { type: 'b' });
  const day = await ask('GET', '/v1/sessions/billed/usage');
  expect(day.body.data).toMatchObject([{ events: 2, input_tokens: 100, output_tokens: 7 }]);
  expect(day.body.data?.[0]?.['day']).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect((await ask('DELETE', '/v1/sessions/forgotten')).status).toBe(200);
  const after = await total();
  const grown = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  expect(['sessions', 'events', 'input_tokens', 'output_tokens'].map(grown)).toEqual([
    2, 5, 105, 8,
  ]);
  await restart();
  expect(await total()).toEqual(after);
  const rows: Record<string, unknown>[] = [];
  for (let page: string | null = ''; page !== null; ) {
    const query: string = page === '' ? '' : `&page=${page}`;
    const { body } = await ask('GET', `/v1/usage?by=session&limit=3${query}`);
    rows.push(...(body.data ?? []));
    page = body['next_page'] as string | null;
  }
  expect(rows.reduce((sum, row) => sum + Number(row['events']), 0)).toBe(after['events']);
  const names = rows.map((row) => row['session']);
  expect(names).toContain('billed');
  expect(names).toContain(null);
  expect(names).not.toContain('forgotten');
  for (const wrong of ['from=yesterday', 'from=2026-02-30', 'by=hour', 'page=x&by=session']) {
    expect((await ask('GET', `/v1/usage?${wrong}`)).status).toBe(400);
  }
});

test('a budget that is spent refuses all but what settles', async () => {
  const { body } = await ask('POST', '/v1/sessions', {
    body: { budget: { type: 'limit', max_list_cost: { amount: '100', currency: 'USD' } } },
  });
  const id = String(body['id']);
  await send(id, {
    type: 'session.usage',
    usage: { list_cost: { amount: '100', currency: 'USD' } },
  });
  const refused = await send(id, { type: 'user.message', content: [{ type: 'text', text: 'x' }] });
  expect([refused.status, refused.body['error']]).toMatchObject([
    400,
    { type: 'invalid_request_error', code: 'budget-reached' },
  ]);
  expect((await send(id, { type: 'user.interrupt' })).status).toBe(200);
  expect((await ask('GET', `/v1/sessions/${id}`)).body).toMatchObject({
    limit_reached: 'max_list_cost',
    usage: { list_cost: { amount: '100', currency: 'USD' } },
  });
});
