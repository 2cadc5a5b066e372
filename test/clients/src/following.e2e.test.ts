// Following for as long as it takes, over whatever works: nothing is missing, and nothing comes twice.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, type Place, places } from './agents.ts';
import type { Args } from './driver.ts';
import { Mischief } from './mischief.ts';
import { Served } from './served.ts';

let server: Served;

beforeAll(async () => {
  server = await Served.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const idsOf = (told: unknown): readonly unknown[] => (told as readonly Args[]).map(({ id }) => id);

/** Of the Python client there are no sockets: it begins with server-sent events. */
const transportsOf = (name: string): readonly string[] =>
  name === 'python' ? ['sse', 'long-poll'] : ['websocket', 'sse', 'long-poll'];

const cases = Object.keys(places).map((name) => [name, transportsOf(name)] as const);

describe.each(cases)('%s', (name, transports) => {
  let place: Place;

  beforeAll(async () => {
    place = await (places[name] as () => Promise<Place>)();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  async function connected(url: string, options: Args = {}): Promise<Agent> {
    const agent = await place.start();
    await agent.do('connect', { url, ...options });
    return agent;
  }

  test.each(transports)(
    'by %s across a server that is killed and comes back',
    async (transport) => {
      await using own = await Served.start();
      await using agent = await connected(own.url, { attemptsMax: 40, transports: [transport] });
      await using writer = await connected(own.url, { attemptsMax: 40 });
      const session = 'followed';
      await writer.do('append', { session, events: [{ type: 'first' }] });
      await agent.do('followStart', { session, key: 'all', after: 'start' });
      await agent.do('followStart', { session, key: 'some', after: 'start', types: ['first'] });
      const count = 600;
      const produced = writer.do('produce', { session, producer: 'w', count, chunk: 4 });
      await delay(100);
      await own.kill();
      await own.begin();
      await produced;
      const followed = await agent.do<Args>('followTake', { key: 'all', count: count + 1 });
      // A cursor that was kept is good for another client, over another way.
      await using later = await connected(own.url);
      await later.do('followStart', { session, key: 'rest', after: followed['cursor'] });
      await writer.do('append', { session, events: [{ type: 'first' }] });
      await writer.do('act', { session, act: 'end' });
      const stood = await own.events(session);
      const all = await agent.do<Args>('followEnd', { key: 'all' });
      expect(all['ending']).toBe('closed');
      expect(idsOf(all['events'])).toEqual(idsOf(stood));
      const some = stood.filter(({ type }) => type === 'first');
      expect(await agent.do('followEnd', { key: 'some' })).toMatchObject({ events: some });
      const rest = await later.do<Args>('followEnd', { key: 'rest' });
      expect(idsOf(rest['events'])).toEqual(idsOf(stood).slice(count + 1));
    },
  );

  test.each(transports)('by %s until it is told to stop', async (transport) => {
    await using agent = await connected(server.url, { transports: [transport] });
    const session = await agent.do<string>('create');
    await agent.do('followStart', { session, key: 'all', after: 'start' });
    await agent.do('append', { session, events: [{ type: 'note' }] });
    await agent.do('followTake', { key: 'all', count: 1 });
    await agent.do('followStop', { key: 'all' });
    await agent.do('append', { session, events: [{ type: 'late' }] });
    const { ending, events } = await agent.do<Args>('followEnd', { key: 'all' });
    expect(ending).toBe('stopped');
    expect(events).toHaveLength(1);
  });

  test('what comes from now on is told from then on', async () => {
    await using agent = await connected(server.url);
    const session = await agent.do<string>('create');
    await agent.do('append', { session, events: [{ type: 'before' }] });
    await agent.do('followStart', { session, key: 'now', after: 'now' });
    await delay(500);
    await agent.do('append', { session, events: [{ type: 'after' }] });
    const taken = await agent.do<Args>('followTake', { key: 'now', count: 1 });
    expect(taken['events']).toMatchObject([{ type: 'after' }]);
  });

  /** One event at a time, so that each is waited for. */
  async function live(agent: Agent, through: Mischief): Promise<void> {
    const session = await agent.do<string>('create');
    await agent.do('followStart', { session, key: 'all', after: 'start' });
    for (let n = 1; n <= 5; n += 1) {
      await agent.do('append', { session, events: [{ type: 'note', id: `n${n}` }] });
      const taken = await agent.do<Args>('followTake', { key: 'all', count: n });
      expect(idsOf(taken['events']).at(-1)).toBe(`n${n}`);
    }
    expect(through.count('stream') + through.count('socket')).toBeGreaterThan(0);
  }

  test('where a proxy refuses sockets, by server-sent events', async () => {
    await using proxy = await Mischief.start({ port: server.port, seed: 1, refusesSockets: true });
    await using agent = await connected(proxy.url, { openMs: 500 });
    await live(agent, proxy);
    expect(proxy.count('stream')).toBeGreaterThan(0);
  });

  test('where it keeps streams back as well, by long-polls', async () => {
    const mean = { port: server.port, seed: 1, refusesSockets: true, holdsStreams: true };
    await using proxy = await Mischief.start(mean);
    await using agent = await connected(proxy.url, { openMs: 500 });
    await live(agent, proxy);
    const tried = proxy.count('stream');
    expect(tried).toBeGreaterThan(0);
    await live(agent, proxy);
    // It is not tried again and again.
    expect(proxy.count('stream')).toBe(tried);
  });

  test('a slow reader gets all, and holds up no other', async () => {
    await using agent = await connected(server.url);
    const text = 'x'.repeat(200_000);
    const events = Array.from({ length: 40 }, (_, n) => ({ type: 'large', n, text }));
    const [large, small] = [await agent.do('create'), await agent.do('create')];
    await agent.do('append', { session: large, events });
    await agent.do('followStart', { session: large, key: 'large', after: 'start' });
    await agent.do('followStart', { session: small, key: 'small', after: 'start' });
    await agent.do('append', { session: small, events: [{ type: 'note' }] });
    await agent.do('followTake', { key: 'small', count: 1 });
    const taken = await agent.do<Args>('followTake', { key: 'large', count: 40 });
    const numbers = (taken['events'] as Args[]).map(({ n }) => n);
    expect(numbers).toEqual(events.map(({ n }) => n));
  });
});
