import type { ObjectStore } from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedObjectStore } from '@tidemark/ports/testing';
import { TableStore } from '@tidemark/tables';
import type { SearchEvent } from '../document.ts';
import { mergeSearchTables } from '../merge-search-tables.ts';
import type { EventLoader, SearchSources } from '../search-request.ts';
import { type SearchTable, SearchTableWriter } from '../search-table.ts';
import { SearchTail } from '../search-tail.ts';
import { SearchTableReader } from '../table-reader.ts';

export const { signal } = new AbortController();

export function loaderOf(events: readonly SearchEvent[]): EventLoader {
  const bodies = new Map(events.map(({ session, seq, body }) => [`${session} ${seq}`, body]));
  return (places) =>
    Promise.resolve(places.map(({ session, seq }) => bodies.get(`${session} ${seq}`)));
}

export interface TestSources {
  readonly objects: ObjectStore;
  readonly tail: SearchTail;
  readonly tables: SearchTable[];
  /** First seqs kept. */
  readonly removed: ReadonlyMap<string, number>;
  publish(events: readonly SearchEvent[]): Promise<void>;
  remove(session: string, firstKeptSeq: number): void;
  /** Of so many tables one, without what was removed; what was removed is still to be told of the others. */
  merge(count?: number): Promise<void>;
  of(events: readonly SearchEvent[]): SearchSources;
}

/** Tables in a store in memory, and a tail. */
export function openSources({ partEventsMax = 2_048, bytesMax = 1e9 } = {}): TestSources {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(1);
  const objects = new SimulatedObjectStore({ clock, prng, instant: true }).connect('one');
  const reader = new SearchTableReader(new TableStore(objects, { cacheBytesMax: 64e6 }), {
    decodedBytesMax: 64e6,
  });
  const tail = new SearchTail({ bytesMax, partEventsMax });
  let names = 0;
  const nameOf = (): string => {
    names += 1;
    return `search/${names}`;
  };
  const parts = { nameOf, rest: () => Promise.resolve(), signal };
  const tables: SearchTable[] = [];
  let removals: ReadonlyMap<string, number> = new Map();
  const removed = new Map<string, number>();
  return {
    objects,
    tail,
    tables,
    removed,
    async publish(events: readonly SearchEvent[]): Promise<void> {
      const writer = new SearchTableWriter();
      for (const event of events) writer.add(event);
      if (writer.documents > 0) tables.push(await writer.finish(objects, parts));
    },
    remove(session: string, firstKeptSeq: number): void {
      const kept = Math.max(firstKeptSeq, removed.get(session) ?? 0);
      removed.set(session, kept);
      tail.remove(session, kept);
      removals = new Map(removed);
    },
    async merge(count = tables.length): Promise<void> {
      if (count === 0) return;
      const stores = { tables: new TableStore(objects, { cacheBytesMax: 1e6 }), objects };
      const sources = tables.splice(0, count);
      const merged = await mergeSearchTables(stores, { sources, removals }, parts);
      if (merged.documents > 0) tables.unshift(merged);
    },
    of(events: readonly SearchEvent[]): SearchSources {
      const { rest } = parts;
      return { reader, tables, tail, removals, rest, load: loaderOf(events) };
    },
  };
}
