// Every event once and in order, whatever comes between a client and its server: the same for each client.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, type Place, places } from './agents.ts';
import type { Args } from './driver.ts';
import { deeds, Mischief } from './mischief.ts';
import { Served } from './served.ts';

let server: Served;

beforeAll(async () => {
  server = await Served.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const idsOf = (events: readonly Args[]): readonly unknown[] => events.map(({ id }) => id);
const numbered = (producer: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${producer}-${n}`);

describe.each(Object.keys(places))('%s', (name) => {
  let place: Place;

  beforeAll(async () => {
    place = await (places[name] as () => Promise<Place>)();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  async function connected(url: string, options: Args = {}): Promise<Agent> {
    const agent = await place.start();
    await agent.do('connect', { url, timeoutMs: 3_000, ...options });
    return agent;
  }

  test.each([1, 2])('under a proxy that loses, repeats, delays and cuts, seed %i', async (seed) => {
    const count = 2_000;
    // More than one frame, or nobody would ever catch up.
    const hurt = { port: server.port, seed, share: 0.5, streamBytesMax: 300_000 };
    await using mischief = await Mischief.start(hurt);
    await using agent = await connected(mischief.url, { attemptsMax: 30 });
    const session = await agent.do<string>('create');
    await agent.do('followStart', { session, key: 'all', after: 'start' });
    const [one, other] = await Promise.all(
      ['one', 'other'].map((producer) =>
        agent.do<number>('produce', { session, producer, count, chunk: 50 }),
      ),
    );
    expect([one, other]).toEqual([count, count]);
    const followed = await agent.do<Args>('followTake', { key: 'all', count: 2 * count });
    // What arrives late has arrived.
    await delay(1_000);
    const stood = await server.events(session);
    for (const producer of ['one', 'other']) {
      const own = idsOf(stood).filter((id) => String(id).startsWith(`${producer}-`));
      expect(own).toEqual(numbered(producer, count));
    }
    expect(idsOf(followed['events'] as Args[])).toEqual(idsOf(stood));
    for (const deed of deeds) expect(mischief.count(deed)).toBeGreaterThan(0);
    expect(mischief.count('cutStream') + mischief.count('cutSocket')).toBeGreaterThan(1);
  });

  test('under such a proxy an act is done once, and a fact counted up once', async () => {
    const hurt = { port: server.port, seed: 3, share: 0.5 };
    await using mischief = await Mischief.start(hurt);
    await using agent = await connected(mischief.url, { attemptsMax: 30 });
    const session = await agent.do<string>('create');
    for (const act of ['start', 'pause', 'resume', 'pause', 'end', 'archive']) {
      await agent.do('act', { session, act });
    }
    const { lifecycle } = await agent.do<Args>('get', { session });
    expect(lifecycle).toMatchObject({ state: 'archived' });
    const counted = await agent.do<string>('create');
    await using second = await connected(mischief.url, { attemptsMax: 30 });
    const times = 30;
    await Promise.all([agent, second].map((each) => each.do('count', { session: counted, times })));
    const fact = await agent.do('factGet', { session: counted, key: 'count' });
    expect(fact).toEqual({ value: 2 * times, version: 2 * times });
    expect(mischief.count('swallow')).toBeGreaterThan(0);
    await agent.do('delete', { session: counted });
    expect(await agent.refused('get', { session: counted })).toMatchObject({ status: 404 });
  });

  test('a client that is killed and begins anew with the same producer goes on where it was', async () => {
    const count = 8_000;
    const session = `restarted-${name}`;
    for (const takeMs of [150, 300, 450]) {
      const agent = await connected(server.url);
      const produced = agent.do('produce', { session, producer: 'w', count, chunk: 5 });
      produced.catch(() => undefined);
      await delay(takeMs);
      await agent.kill();
    }
    const sofar = (await server.events(session)).length;
    expect(sofar).toBeGreaterThan(0);
    expect(sofar).toBeLessThan(count);
    await using agent = await connected(server.url);
    // What it may have kept of its last life: less than what stands.
    const from = Math.floor(sofar / 2);
    await agent.do('produce', { session, producer: 'w', from, count });
    expect(idsOf(await server.events(session))).toEqual(numbered('w', count));
  });

  test('a server that is killed and started again in the middle of appends has each once', async () => {
    const count = 3_000;
    await using own = await Served.start();
    await using agent = await connected(own.url, { attemptsMax: 40 });
    const session = 'killed';
    const produced = agent.do('produce', { session, producer: 'w', count, chunk: 3 });
    for (const takeMs of [200, 400]) {
      await delay(takeMs);
      await own.kill();
      await delay(100);
      await own.begin();
    }
    expect(await produced).toBe(count);
    expect(idsOf(await own.events(session))).toEqual(numbered('w', count));
  });
});
