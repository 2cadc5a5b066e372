// What a client does where nothing goes wrong, and how it tells what the server refuses: the same for each.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, type Place, places } from './agents.ts';
import type { Args } from './driver.ts';
import { Served } from './served.ts';

let server: Served;

beforeAll(async () => {
  server = await Served.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe.each(Object.keys(places))('%s', (name) => {
  let place: Place;
  let agent: Agent;

  beforeAll(async () => {
    place = await (places[name] as () => Promise<Place>)();
    agent = await place.start();
    await agent.do('connect', { url: server.url });
  });
  afterAll(async () => {
    await agent?.kill();
    await place?.[Symbol.asyncDispose]();
  });

  const create = (wish: Args = {}): Promise<string> => agent.do('create', { wish });
  const idsOf = (events: readonly Args[]): readonly unknown[] => events.map(({ id }) => id);

  test('a session is made once under its key or its name, told, changed, listed and deleted', async () => {
    const idempotencyKey = randomUUID();
    const wish = { title: 'first', metadata: { run: idempotencyKey } };
    const session = await agent.do<string>('create', { wish, idempotencyKey });
    expect(await agent.do('create', { wish, idempotencyKey })).toBe(session);
    expect(await agent.do('get', { session })).toMatchObject({ id: session, title: 'first' });
    const id = `named/${idempotencyKey}`;
    expect(await agent.do('create', { wish, id })).toBe(id);
    const change = { title: 'second' };
    await agent.do('update', { session, change });
    expect(await agent.do('get', { session })).toMatchObject(change);
    const metadata = { run: idempotencyKey };
    expect(new Set(await agent.do<string[]>('list', { metadata, pageSize: 1 }))).toEqual(
      new Set([session, id]),
    );
    await agent.do('act', { session, act: 'pause' });
    const byChange = { metadata, pageSize: 1, orderBy: 'state_changed_at' };
    expect(await agent.do('list', byChange)).toEqual([session, id]);
    await agent.do('delete', { session });
    await agent.do('delete', { session });
    expect(await agent.refused('get', { session })).toMatchObject({
      code: 'session-not-found',
      status: 404,
      retry: 'never',
      effect: 'none',
    });
  });

  test('events are appended, expected at a place or not at all, and read in pages, ranges and from the end', async () => {
    const session = await create();
    const events = Array.from({ length: 1_203 }, (_, n) => ({ type: n % 2 ? 'odd' : 'even', n }));
    const appended = await agent.do<Args>('append', { session, events, expected: 0 });
    expect(appended).toMatchObject({ nextSeq: 1_203 });
    expect(appended['events']).toHaveLength(1_203);
    const stood = await server.events(session);
    expect(stood.map(({ n }) => n)).toEqual(events.map(({ n }) => n));
    expect(await agent.do('read', { session })).toEqual(stood);
    expect(await agent.do('read', { session, pageSize: 100 })).toEqual(stood);
    expect(await agent.do('read', { session, from: 1_000, to: 1_010 })).toEqual(
      stood.slice(1_000, 1_010),
    );
    expect(await agent.do('read', { session, types: ['odd'], order: 'desc' })).toEqual(
      stood.filter(({ type }) => type === 'odd').toReversed(),
    );
    expect(await agent.do('last', { session, n: 3 })).toEqual(stood.slice(-3));
    expect(await agent.do('last', { session, n: 1_100 })).toEqual(stood.slice(-1_100));
    const id = stood[7]?.['id'];
    expect(await agent.do('event', { session, id })).toEqual(stood[7]);
    const late = { session, events: [{ type: 'late' }], expected: 7 };
    expect(await agent.refused('append', late)).toMatchObject({
      code: 'seq-conflict',
      retry: 'after-read',
      effect: 'none',
      facts: { tailSeq: 1_203 },
    });
    const own = { type: 'own', id: 'mine' };
    await agent.do('append', { session, events: [own] });
    await agent.do('append', { session, events: [own, { type: 'other', id: 'next' }] });
    expect(idsOf(await server.events(session)).slice(1_203)).toEqual(['mine', 'next']);
  });

  test('a session goes through its life, and what is not possible is told with its state', async () => {
    const session = await create();
    for (const [act, state] of [
      ['start', 'active'],
      ['pause', 'paused'],
      ['resume', 'active'],
      ['end', 'closed'],
    ] as const) {
      const told = await agent.do('act', { session, act });
      expect(told).toMatchObject({ lifecycle: { state } });
    }
    expect(await agent.refused('act', { session, act: 'start' })).toMatchObject({
      code: 'transition-refused',
      status: 409,
      retry: 'after-read',
      effect: 'none',
      facts: { state: 'closed', possible: ['archive'] },
    });
    await agent.do('act', { session, act: 'archive' });
    const events = [{ type: 'note' }];
    const refusal = await agent.refused('append', { session, events });
    expect(refusal).toMatchObject({ code: 'session-archived', effect: 'none' });
  });

  test('facts are put, swapped by their version, listed and taken away', async () => {
    const session = await create();
    const key = 'a/key';
    expect(await agent.do('factGet', { session, key })).toBeNull();
    const version = await agent.do<number>('factPut', {
      session,
      key,
      value: { a: 1 },
      version: 0,
    });
    expect(await agent.do('factGet', { session, key })).toEqual({ value: { a: 1 }, version });
    const again = { session, key, value: 2, version: 0 };
    expect(await agent.refused('factPut', again)).toMatchObject({
      code: 'fact-conflict',
      retry: 'after-read',
      effect: 'none',
      facts: { version },
    });
    await agent.do('factPut', { ...again, version });
    await agent.do('count', { session, times: 5 });
    expect(await agent.do('factGet', { session, key: 'count' })).toMatchObject({ value: 5 });
    expect(await agent.do('factKeys', { session })).toEqual([key, 'count']);
    await agent.do('factDelete', { session, key });
    expect(await agent.do('factGet', { session, key })).toBeNull();
    const refusal = await agent.refused('factDelete', { session, key });
    expect(refusal).toMatchObject({ code: 'fact-not-found' });
  });

  test('events are found by their words, in one session and in all', async () => {
    const session = await create();
    const word = `w${randomUUID().replaceAll('-', '')}`;
    const content = [{ type: 'text', text: `a ${word} among others` }];
    await agent.do('append', { session, events: [{ type: 'user.message', content }] });
    const [found] = await server.events(session);
    expect(await agent.do('searchIn', { session, q: word })).toEqual([found]);
    const hit = { session_id: session, seq: 0, event_id: found?.['id'] };
    expect(await agent.do('search', { q: word })).toMatchObject([hit]);
  });

  test('what is followed comes in order, from the start, from a cursor, and of some types', async () => {
    const session = await create();
    const note = (n: number): Args => ({ type: n % 2 ? 'odd' : 'even', n });
    const first = [0, 1, 2, 3].map(note);
    const { cursor } = await agent.do<Args>('append', { session, events: first });
    await agent.do('followStart', { session, key: 'all', after: 'start' });
    await agent.do('followStart', { session, key: 'again', after: 'start' });
    await agent.do('followStart', { session, key: 'rest', after: cursor });
    await agent.do('followStart', { session, key: 'odd', after: 'start', types: ['odd'] });
    await agent.do('append', { session, events: [4, 5].map(note) });
    await agent.do('act', { session, act: 'end' });
    const all = await server.events(session);
    const ended = (key: string): Promise<unknown> => agent.do('followEnd', { key });
    expect(await ended('all')).toEqual({ ending: 'closed', events: all });
    expect(await ended('again')).toEqual({ ending: 'closed', events: all });
    expect(await ended('rest')).toEqual({ ending: 'closed', events: all.slice(4) });
    const odd = all.filter(({ type }) => type === 'odd');
    expect(await ended('odd')).toEqual({ ending: 'closed', events: odd });
  });

  test('who follows a session that is deleted hears that, and one that is not there is refused', async () => {
    const session = await create();
    await agent.do('followStart', { session, key: 'deleted', after: 'start' });
    await agent.do('append', { session, events: [{ type: 'note' }] });
    await agent.do('followTake', { key: 'deleted', count: 1 });
    await agent.do('delete', { session });
    expect(await agent.do('followEnd', { key: 'deleted' })).toMatchObject({ ending: 'deleted' });
    await agent.do('followStart', { session, key: 'gone', after: 'start' });
    const refusal = await agent.refused('followEnd', { key: 'gone' });
    expect(refusal).toMatchObject({ code: 'session-not-found', effect: 'none' });
  });

  test('a cursor of another session is refused', async () => {
    const [one, other] = [await create(), await create()];
    const events = [{ type: 'note' }];
    const { cursor } = await agent.do<Args>('append', { session: one, events });
    await agent.do('append', { session: other, events });
    await agent.do('followStart', { session: other, key: 'strange', after: cursor });
    const refusal = await agent.refused('followEnd', { key: 'strange' });
    expect(refusal).toMatchObject({ code: 'invalid-offset', retry: 'never' });
  });
});
