// The catalogue is a sorted list of what there is, whatever of it is published, and whoever asks.

import { sleep } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { noAspects, type SessionState, type StreamState } from '@tidemark/session';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  agentShelf,
  allShelf,
  type CatalogPlace,
  type CatalogRange,
  changeShelf,
  comparePlaces,
  entryOf,
  isOnShelf,
  placeOn,
  statusShelf,
} from './catalog.ts';
import { CatalogTail } from './catalog-tail.ts';
import { FoldedSession } from './folded-session.ts';
import type { ShardReplica } from './shard-replica.ts';
import { PublishedProcesses } from './testing/published-processes.ts';
import { append, plain, type SimulatedProcess } from './testing.ts';

const nameOf = (index: number): SessionName =>
  `n ${index % 3 === 0 ? 'ü' : ''}${index}` as SessionName;
const ordered = [allShelf, statusShelf('running'), statusShelf('terminated'), agentShelf('a b')];
const shelves = [...ordered, ...ordered.map(changeShelf)];

const step = fc.record({
  kind: fc.constantFrom('create', 'run', 'rest', 'close', 'delete', 'publish', 'wait'),
  index: fc.nat({ max: 9 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const status = (type: string) => ({ ...append(`{"type":"${type}"}`), types: [type] });

async function act({ writes, tenant }: SimulatedProcess, { kind, index }: Step): Promise<void> {
  const name = nameOf(index);
  const agent = index % 2 === 0 ? { agent: { id: 'a b' } } : {};
  if (kind === 'create') await writes.create(tenant, name, { ...plain, profile: agent });
  if (kind === 'run') await writes.append(tenant, name, status('session.status_running'));
  if (kind === 'rest') await writes.append(tenant, name, status('session.status_idle'));
  if (kind === 'close') await writes.append(tenant, name, { ...append(), close: true });
  if (kind === 'delete') await writes.delete(tenant, name);
}

/** Page by page, as a client goes on. */
async function listed(
  replica: ShardReplica,
  range: Omit<CatalogRange, 'after'>,
): Promise<readonly CatalogPlace[]> {
  const places: CatalogPlace[] = [];
  let after: CatalogPlace | undefined;
  for (;;) {
    const page = await replica.catalog({ ...range, after }, 3);
    places.push(...page);
    after = page.at(-1);
    if (after === undefined) return places;
  }
}

async function plainly(replica: ShardReplica, shelf: string): Promise<readonly string[]> {
  const states: SessionState[] = [];
  for await (const state of replica.scan('')) states.push(state);
  const entries = states.map(entryOf).filter((entry) => entry !== undefined);
  return entries
    .filter((entry) => isOnShelf(entry, shelf))
    .map((entry) => placeOn(shelf, entry))
    .sort(comparePlaces)
    .map(({ name }) => name);
}

/** What is there of the places: some are told that do not belong any more, and never the other way. */
async function standing(
  replica: ShardReplica,
  places: readonly CatalogPlace[],
  shelf: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, atMs } of places) {
    await replica.with(name, ({ state }) => {
      const entry = entryOf(state);
      if (entry === undefined || !isOnShelf(entry, shelf)) return;
      if (placeOn(shelf, entry).atMs === atMs) names.push(name);
    });
  }
  return names;
}

test('of every history, every shelf is what a scan finds, in both orders, page by page', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const cell = new PublishedProcesses();
      const { clock } = cell;
      const writer = await cell.start('writer', 1 << 30);
      for (const next of steps) {
        if (next.kind === 'wait') await clock.runUntil(sleep(clock, 1));
        else if (next.kind === 'publish')
          await clock.runUntil(writer.publisher.publish(writer.replica));
        else await clock.runUntil(act(writer, next).catch(() => undefined));
      }
      const late = await cell.start('another one', 1);
      for (const { replica } of [writer, late]) {
        await clock.runUntil(replica.readIndex());
        for (const shelf of shelves) {
          const range = { tenant: 'default', shelf };
          const expected = await plainly(replica, shelf);
          const up = await listed(replica, { ...range, order: 'asc' });
          expect(await standing(replica, up, shelf)).toEqual(expected);
          const down = await listed(replica, { ...range, order: 'desc' });
          expect(await standing(replica, down, shelf)).toEqual(expected.toReversed());
        }
      }
    }),
    { numRuns: 60 },
  );
});

const liveStream = (atMs: number): StreamState =>
  ({
    isJson: true,
    isClosed: false,
    createdAtMs: atMs,
    stateChangedAtMs: atMs,
    aspects: noAspects,
  }) as unknown as StreamState;

test('the tail keeps very many in order, wherever each is put, and puts them where they move', () => {
  const tail = new CatalogTail();
  const prng = new SeededPrng(7);
  const sessions = Array.from({ length: 5_000 }, (_, index) => {
    const state = { tenant: 't', name: `s${index}`, life: 'live' } as unknown as SessionState;
    state.stream = liveStream(prng.below(2_000));
    return new FoldedSession(`s${index}`, state);
  });
  for (const session of sessions) tail.changed(session);
  for (const session of sessions.splice(0, 2_500)) tail.remove(session);
  for (const session of sessions) {
    const { stream: changing } = session.state;
    if (changing === undefined || prng.chance(0.5)) continue;
    changing.stateChangedAtMs = 2_000 + prng.below(500);
    changing.aspects = { ...changing.aspects };
    tail.changed(session);
  }
  for (const shelf of [allShelf, changeShelf(allShelf)]) {
    const expected = sessions
      .map(({ state }) => entryOf(state))
      .filter((entry) => entry !== undefined)
      .map((entry) => placeOn(shelf, entry))
      .sort(comparePlaces);
    const range = { tenant: 't', shelf, after: undefined };
    expect(tail.take({ ...range, order: 'asc' }, 9_999)).toEqual(expected);
    const after = expected[1_000];
    expect(tail.take({ ...range, order: 'desc', after }, 9_999)).toEqual(
      expected.slice(0, 1_000).reverse(),
    );
  }
});

test('of many tenants of one shard each has its own, also where names and times are the same', () => {
  const tail = new CatalogTail();
  const sessions = Array.from({ length: 1_200 }, (_, index) => {
    const state = { tenant: `t${index}`, name: 's', life: 'live' } as unknown as SessionState;
    state.stream = liveStream(1);
    return new FoldedSession(`t${index}/s`, state);
  });
  for (const session of sessions) tail.changed(session);
  for (const session of sessions.slice(0, 600)) tail.remove(session);
  const counts = sessions.map(({ state: { tenant } }) => {
    const range = { tenant, shelf: allShelf, order: 'asc', after: undefined } as const;
    return tail.take(range, 9).length;
  });
  expect(counts).toEqual(sessions.map((_, index) => (index < 600 ? 0 : 1)));
});
