// A process's replicas and writers over a log, for tests of what stands on them.

import { type EventLog, silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import { defaultTenant } from '@tidemark/protocol';
import type { AppendCommand } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { type EventArchive, noArchive } from './event-archive.ts';
import { type Publications, unpublished } from './published.ts';
import { type CreateRequest, SessionWrites } from './session-writes.ts';
import { Shards } from './shards.ts';
import { TenantRegistry } from './tenant-registry.ts';
import type { Tenant } from './tenants.ts';
import type { WriterSettings } from './writer-settings.ts';
import { Writers } from './writers.ts';

export { Budget } from './budget.ts';
export { type CatalogPlace, comparePlaces, entryOf, isOnShelf, placeOn } from './catalog.ts';
// What the simulation plants bugs into.
export { CatalogTail } from './catalog-tail.ts';
export { DueQueue } from './due-queue.ts';
export { EventIndex } from './event-index.ts';
export { Fairness } from './fairness.ts';
export { Feed } from './feed.ts';
export { Flight } from './flight.ts';
export { FollowCursor } from './follow-cursor.ts';
export { Page } from './page.ts';
export { ReadIndex } from './read-index.ts';
export { SessionTable } from './session-table.ts';
export {
  noFaults,
  type PublicationFaults,
  SimulatedPublications,
} from './testing/simulated-publications.ts';

/** A JSON session that is nothing else. */
export const plain: CreateRequest = {
  contentType: 'application/json',
  ttlMs: undefined,
  expiresAtMs: undefined,
  isClosed: false,
  events: [],
  fork: undefined,
};

/** The same of bytes. */
export const byteStream: CreateRequest = { ...plain, contentType: 'text/plain' };

export type { CreateRequest } from './session-writes.ts';

export const append = (...events: readonly string[]): AppendCommand => ({
  kind: 'append',
  contentType: 'application/json',
  events: events.map(bytesOf),
  close: false,
});

export interface SimulatedProcess extends AsyncDisposable {
  readonly shards: Shards;
  readonly writers: Writers;
  readonly writes: SessionWrites;
  readonly registry: TenantRegistry;
  readonly tenant: Tenant;
}

export interface ProcessOptions {
  readonly log: EventLog;
  readonly clock: SimulatedClock;
  readonly prng: SeededPrng;
  readonly partitions?: number;
  readonly memoryBytesMax?: number;
  readonly knownLevel?: number;
  readonly writer?: Partial<WriterSettings>;
  readonly publications?: Publications;
  readonly archive?: EventArchive;
}

/** Starts a process over the log, with the tenant `default`. */
export async function startProcess(options: ProcessOptions): Promise<SimulatedProcess> {
  const { log, clock, prng, knownLevel, publications = unpublished, archive = noArchive } = options;
  const ports = { log, clock, prng, logger: silentLogger, metrics: silentMetrics };
  const parts = { ...ports, publications, archive };
  const memoryBytesMax = options.memoryBytesMax ?? 64 * 1024 * 1024;
  const shards = new Shards(
    parts,
    knownLevel === undefined ? { memoryBytesMax } : { memoryBytesMax, knownLevel },
  );
  const writers = new Writers(parts, options.writer);
  const writes = new SessionWrites(shards, writers);
  const registry = new TenantRegistry(shards, writers);
  await shards.start();
  await registry.found();
  const { tenant } = await registry.create({
    id: defaultTenant,
    placement: { kind: 'own', partitions: options.partitions ?? 1 },
    durability: 'replicated',
    keyHash: undefined,
  });
  return {
    shards,
    writers,
    writes,
    registry,
    tenant,
    async [Symbol.asyncDispose]() {
      writers.close();
      await shards[Symbol.asyncDispose]();
    },
  };
}

/** A log without delays and a process on it: for rules that time has no part in. */
export async function startInstant(
  options: Partial<ProcessOptions> = {},
): Promise<
  SimulatedProcess & { readonly simulated: SimulatedEventLog; readonly clock: SimulatedClock }
> {
  const clock = options.clock ?? new SimulatedClock();
  const prng = options.prng ?? new SeededPrng(1);
  const simulated = new SimulatedEventLog({ clock, prng, instant: true });
  const process = await startProcess({ log: simulated.connect('one'), ...options, clock, prng });
  return { ...process, simulated, clock };
}
