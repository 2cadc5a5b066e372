// What the tests of segments stand on.

import { type EventLog, type ObjectStore, silentLogger, silentMetrics } from '@tidemark/ports';
import {
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
} from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import {
  beginRead,
  type EventRange,
  type LocatedSession,
  type SessionReader,
  type ShardReplica,
  TablePublications,
} from '@tidemark/replica';
import { Publisher } from '@tidemark/replica/publish';
import { byteStream, plain, type SimulatedProcess, startProcess } from '@tidemark/replica/testing';
import { assert, bytesOf, concatBytes, textOf } from '@tidemark/std';
import { TableStore } from '@tidemark/tables';
import fc from 'fast-check';
import { SegmentArchive } from '../segment-archive.ts';
import { Tiering, type TieringSettings } from '../tiering.ts';

export const nameOf = (index: number): SessionName => `s/${index}` as SessionName;
const settings = {
  segmentBytes: 2_000,
  everyMs: 0,
  keepBytes: 0,
  graceMs: 1_000,
  eraseAfterMs: 10_000,
};

export interface CellProcess extends SimulatedProcess {
  readonly archive: SegmentArchive;
  readonly log: EventLog;
  readonly replica: ShardReplica;
  /** From then on it archives what is due by itself. */
  readonly begin: () => void;
  readonly publish: () => Promise<void>;
  readonly tier: () => Promise<void>;
}

/** A log, a store, and processes over them that archive and publish when they are told. */
export class Cell {
  readonly clock = new SimulatedClock();
  readonly store = new SimulatedObjectStore({
    clock: this.clock,
    prng: new SeededPrng(2),
    instant: true,
  });
  readonly log = new SimulatedEventLog({
    clock: this.clock,
    prng: new SeededPrng(1),
    instant: true,
  });
  readonly sent = new Map<SessionName, Uint8Array[]>();
  #starts = 0;

  /** `through` stands between the process and its store. */
  async start(
    changed: Partial<TieringSettings> = {},
    through: (store: ObjectStore) => ObjectStore = (store) => store,
  ): Promise<CellProcess> {
    this.#starts += 1;
    const { clock } = this;
    const prng = new SeededPrng(10 + this.#starts);
    const objects = through(this.store.connect(`${this.#starts}`));
    const publications = new TablePublications(
      objects,
      new TableStore(objects, { cacheBytesMax: 1_000_000 }),
    );
    const archive = new SegmentArchive(objects, { cacheBytesMax: 100_000 });
    const log = this.log.connect(`${this.#starts}`);
    const started = { log, clock, prng, memoryBytesMax: 4_096, publications, archive };
    const process = await startProcess(started);
    const ports = { clock, prng, logger: silentLogger, metrics: silentMetrics };
    const publisher = new Publisher({ ...ports, publications }, process.shards);
    const tiering = new Tiering(
      { ...ports, log, store: objects, publications, archive },
      process.shards,
      { ...settings, ...changed },
    );
    const { replica } = process.shards.locate(process.tenant, nameOf(0));
    const publish = () => clock.runUntil(publisher.publish(replica));
    const tier = () => clock.runUntil(tiering.tier(replica));
    const begin = () => tiering.start();
    return { ...process, begin, archive, log, replica, publish, tier };
  }

  async append(
    { writes, tenant }: CellProcess,
    index: number,
    events: readonly string[],
  ): Promise<void> {
    const name = nameOf(index);
    const isJson = index % 2 === 0;
    if (!this.sent.has(name)) {
      await writes.create(tenant, name, isJson ? plain : byteStream);
      this.sent.set(name, []);
    }
    const bodies = events.map(bytesOf);
    const contentType = isJson ? 'application/json' : 'text/plain';
    const sent = isJson ? bodies : [concatBytes(bodies)];
    await writes.append(tenant, name, {
      kind: 'append',
      contentType,
      events: sent,
      close: false,
    });
    this.sent.get(name)?.push(...sent);
  }

  /** A step of it, and what comes after. */
  async work(process: CellProcess, { index, events: sent, next }: Work): Promise<void> {
    await this.append(process, index, sent);
    if (next === 'publish' || next === 'both') await process.publish();
    if (next === 'tier' || next === 'both') await process.tier();
    if (next === 'later') await this.clock.advance(11_000);
    if (next === 'delete') {
      await process.writes.delete(process.tenant, nameOf(index));
      this.sent.delete(nameOf(index));
    }
  }

  /** Everything, by a process that has just started where none is given. */
  async read(by?: CellProcess): Promise<Record<string, readonly string[]>> {
    const found: Record<string, readonly string[]> = {};
    const { shards, tenant, replica } = by ?? (await this.start());
    await this.clock.runUntil(replica.readIndex());
    for (const name of this.sent.keys()) {
      const { key } = shards.locate(tenant, name);
      const range = await this.clock.runUntil(
        replica.with(key, (session) => {
          const position = session.state.stream?.aspects.keeping.head.position ?? 0;
          return readBothWays(shards.reader, { replica, session }, position);
        }),
      );
      found[name] = range.split().map(textOf);
    }
    return found;
  }

  get expected(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.sent].map(([name, sent]) => [name, sent.map(textOf)]));
  }

  logStart(shard: Parameters<SimulatedEventLog['records']>[0]): bigint {
    return this.log.records(shard)[0]?.offset ?? 0n;
  }
}

/** All that is kept, at once and as it comes: the same to the byte. */
async function readBothWays(
  reader: SessionReader,
  located: LocatedSession,
  position: number,
): Promise<EventRange> {
  const bounds = { bytesMax: 1 << 30, eventsMax: Number.MAX_SAFE_INTEGER };
  const range = await reader.read(located, { ...bounds, position });
  const pieces: Uint8Array[] = [];
  for (let at = position; at < range.endPosition; ) {
    const begun = await beginRead(reader, located, { ...bounds, position: at });
    pieces.push(concatBytes(begun.bodies));
    for await (const later of begun.later()) pieces.push(concatBytes(later));
    assert(begun.endPosition > at, 'each read goes on');
    at = begun.endPosition;
  }
  const isSame = Buffer.compare(concatBytes(pieces), concatBytes(range.bodies)) === 0;
  assert(isSame, 'what comes is what is there');
  return range;
}

const events: fc.Arbitrary<string[]> = fc.array(
  fc.oneof(
    fc.json({ maxDepth: 2 }),
    fc.constantFrom(
      '{\n "type": "user.message",\n\n "event": ",\\"event\\":" }',
      'null',
      '"\\n"',
      '{"id":"x","type":"t","level":"debug","turn_id":"7","bytes":"AA=="}',
      '[\n]',
      '" 🌊"',
    ),
    fc.integer({ min: 1, max: 3_000 }).map((size) => JSON.stringify('x'.repeat(size))),
  ),
  { minLength: 1, maxLength: 6 },
);
export interface Work {
  readonly index: number;
  readonly events: readonly string[];
  readonly next: string;
}

export const works: fc.Arbitrary<readonly Work[]> = fc.array(
  fc.record({
    index: fc.nat(7),
    events,
    next: fc.constantFrom('', '', 'tier', 'tier', 'publish', 'both', 'delete', 'later'),
  }),
  { minLength: 1, maxLength: 60 },
);
