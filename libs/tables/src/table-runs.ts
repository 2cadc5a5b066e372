// Runs of tables, newest first: what an older run says of a key holds only where no newer one says
// anything. The tables of a run lie one behind the other in key order.

import type { ObjectStore } from '@tidemark/ports';
import { bytesOf } from '@tidemark/std';
import type { Entry } from './block.ts';
import { mergeEntries } from './merge.ts';
import type { TableScan, TableStore } from './table-store.ts';
import { type TableRef, TableWriter, type WrittenTable } from './table-writer.ts';

export type TableRun = readonly TableRef[];

/** A table that is larger is read and written in more memory than a process has to spare. */
const tableBytesMax = 16 * 1_024 * 1_024;
/** Entries that are written in one go: a few milliseconds. */
const restBytes = 64 * 1_024;
/** So many runs of about one size become one. */
const fanIn = 12;
/** Runs are of about one size where none is larger than so many times another. */
const tierFactor = 8;

/** What the runs say of each key; a key that is gone, or that nobody speaks of, is left out. */
export async function lookUp(
  tables: TableStore,
  { runs, keys }: { readonly runs: readonly TableRun[]; readonly keys: readonly Uint8Array[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<Uint8Array, Uint8Array>> {
  const found = new Map<Uint8Array, Uint8Array>();
  let missing = keys;
  for (const run of runs) {
    if (missing.length === 0) break;
    const told = await tellOf(tables, { run, keys: missing }, signal);
    for (const [key, value] of told) if (value !== undefined) found.set(key, value);
    missing = missing.filter((key) => !told.has(key));
  }
  return found;
}

interface Edges {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** Made once a table: every look-up asks for those of all tables. */
const edges = new WeakMap<TableRef, Edges>();

function edgesOf(table: TableRef): Edges {
  const known = edges.get(table);
  if (known !== undefined) return known;
  const made = { first: bytesOf(table.first), last: bytesOf(table.last) };
  edges.set(table, made);
  return made;
}

/** What one run says, of keys that are gone as well; its tables are asked beside one another. */
async function tellOf(
  tables: TableStore,
  { run, keys }: { readonly run: TableRun; readonly keys: readonly Uint8Array[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<Uint8Array, Entry['value']>> {
  const told = await Promise.all(
    run.map(async (table) => {
      const { first, last } = edgesOf(table);
      const asked = keys.filter(
        (key) => Buffer.compare(first, key) <= 0 && Buffer.compare(key, last) <= 0,
      );
      return asked.length === 0 ? [] : tables.lookUp(table, { keys: asked }, signal);
    }),
  );
  return new Map(told.flatMap((found) => [...found]));
}

/** Entries of all runs from a key on, in key order; those that are gone included where `keepsGone`. */
export async function* scan(
  tables: TableStore,
  {
    runs,
    from,
    isOnce,
    keepsGone = false,
  }: TableScan & {
    readonly runs: readonly TableRun[];
    readonly keepsGone?: boolean;
  },
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const sources = runs.map((run) => entriesOf(tables, { run, from, isOnce }, signal));
  for await (const entry of mergeEntries(sources)) {
    if (keepsGone || entry.value !== undefined) yield entry;
  }
}

/** Entries of all runs before a key, the last one first. */
export async function* scanBack(
  tables: TableStore,
  { runs, before }: { readonly runs: readonly TableRun[]; readonly before: Uint8Array },
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const sources = runs.map((run) => entriesBefore(tables, { run, before }, signal));
  for await (const entry of mergeEntries(sources, 'desc')) {
    if (entry.value !== undefined) yield entry;
  }
}

async function* entriesBefore(
  tables: TableStore,
  { run, before }: { readonly run: TableRun; readonly before: Uint8Array },
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  for (const table of run.toReversed()) {
    if (Buffer.compare(edgesOf(table).first, before) >= 0) continue;
    yield* tables.entriesBack(table, before, signal);
  }
}

async function* entriesOf(
  tables: TableStore,
  { run, from, isOnce }: TableScan & { readonly run: TableRun },
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  for (const table of run) {
    if (Buffer.compare(edgesOf(table).last, from) < 0) continue;
    yield* tables.entries(table, { from, isOnce }, signal);
  }
}

/** How many of the newest runs become one now; 0 where they stay. The oldest goes in when all do. */
export function planCompaction(runs: readonly TableRun[]): number {
  const sizes = runs.map((run) => run.reduce((bytes, table) => bytes + table.bytes, 0));
  for (let count = sizes.length; count >= fanIn; count -= 1) {
    const newest = sizes.slice(0, count);
    const smallest = Math.min(...newest.slice(-fanIn));
    const largest = Math.max(...newest);
    if (largest <= tierFactor * Math.max(smallest, 1)) return count;
  }
  return sizes.length >= 3 * fanIn ? sizes.length : 0;
}

/** Writes a run, one table after the other, and verifies each. What is written is in nobody's manifest. */
export async function writeRun(
  store: ObjectStore,
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  parts: {
    readonly nameOf: () => string;
    /** Between blocks: a long run holds up nobody. */
    readonly rest: () => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<TableRun> {
  const run: TableRef[] = [];
  let writer = new TableWriter();
  let givenBytes = 0;
  for await (const entry of entries) {
    writer.add(entry);
    givenBytes += entry.key.length + (entry.value?.length ?? 0);
    if (givenBytes < restBytes) continue;
    givenBytes = 0;
    await parts.rest();
    if (writer.bytes < tableBytesMax) continue;
    run.push(await put(store, writer.finish(), parts));
    writer = new TableWriter();
  }
  if (writer.entries > 0) run.push(await put(store, writer.finish(), parts));
  return run;
}

async function put(
  store: ObjectStore,
  { body, ref }: WrittenTable,
  { nameOf, signal }: { readonly nameOf: () => string; readonly signal: AbortSignal },
): Promise<TableRef> {
  const name = nameOf();
  const outcome = await store.putIfAbsent(name, body, signal);
  const stored = await store.head(name, signal);
  if (outcome.kind !== 'stored' || stored?.bytes !== body.length) {
    throw new Error(`a table is not what was written. name=${name}`);
  }
  return { name, ...ref };
}
