// The catalogue is a sorted list of what there is, whatever of it is published, and whoever asks.

import { sleep } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import type { SessionState } from '@tidemark/session';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  agentShelf,
  allShelf,
  type CatalogPlace,
  type CatalogRange,
  comparePlaces,
  entryOf,
  isOnShelf,
  statusShelf,
} from './catalog.ts';
import { CatalogTail } from './catalog-tail.ts';
import { FoldedSession } from './folded-session.ts';
import type { ShardReplica } from './shard-replica.ts';
import { PublishedProcesses } from './testing/published-processes.ts';
import { append, plain, type SimulatedProcess, startProcess } from './testing.ts';

const nameOf = (index: number): SessionName =>
  `n ${index % 3 === 0 ? 'ü' : ''}${index}` as SessionName;
const shelves = [allShelf, statusShelf('running'), statusShelf('terminated'), agentShelf('a b')];

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
  for (const { name, createdAtMs } of places) {
    await replica.with(name, ({ state }) => {
      const entry = entryOf(state);
      const isThere = entry?.createdAtMs === createdAtMs && isOnShelf(entry, shelf);
      if (isThere) names.push(name);
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

test('the tail keeps very many in order, wherever each is put', async () => {
  const tail = new CatalogTail();
  const prng = new SeededPrng(7);
  const { writes, tenant, shards } = await startProcess({
    log: new SimulatedEventLog({ clock: new SimulatedClock(), prng, instant: true }).connect('x'),
    clock: new SimulatedClock(),
    prng,
  });
  await writes.create(tenant, nameOf(1), plain);
  const { replica, key } = shards.locate(tenant, nameOf(1));
  const stream = await replica.with(key, ({ state }) => state.stream);
  if (stream === undefined) throw new Error('there is no stream');
  const sessions = Array.from({ length: 5_000 }, (_, index) => {
    const state = { tenant: 't', name: `s${index}`, life: 'live' } as unknown as SessionState;
    state.stream = { ...stream, createdAtMs: prng.below(2_000) };
    return new FoldedSession(`s${index}`, state);
  });
  for (const session of sessions) tail.changed(session);
  for (const session of sessions.splice(0, 2_500)) tail.remove(session);
  const expected = sessions
    .map(({ state }) => entryOf(state))
    .filter((entry) => entry !== undefined);
  expected.sort(comparePlaces);
  const range = { tenant: 't', shelf: allShelf, after: undefined };
  const namesIn = (places: readonly CatalogPlace[]): readonly string[] =>
    places.map(({ name }) => name);
  expect(namesIn(tail.take({ ...range, order: 'asc' }, 9_999))).toEqual(namesIn(expected));
  const after = expected[1_000];
  expect(namesIn(tail.take({ ...range, order: 'desc', after }, 9_999))).toEqual(
    namesIn(expected.slice(0, 1_000).reverse()),
  );
});
