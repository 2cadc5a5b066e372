import type { ObjectStore } from '@tidemark/ports';
import { assert } from '@tidemark/std';
import { type Entry, type TableStore, writeRun } from '@tidemark/tables';
import { analysisVersion } from './analysis.ts';
import { Merge } from './merge.ts';
import type { KeyRange } from './search-keys.ts';
import type { SearchTable, WriteParts } from './search-table.ts';
import type { Removals } from './table-reader.ts';

export interface MergeOptions {
  /** No event lies in two of them. */
  readonly sources: readonly SearchTable[];
  readonly removals: Removals;
}

/**
 * One table of several, and of one a table without what was removed since: of the result no such event is left,
 * and its statistics are those of what is.
 */
export async function mergeSearchTables(
  stores: { readonly tables: TableStore; readonly objects: ObjectStore },
  { sources, removals }: MergeOptions,
  parts: WriteParts,
): Promise<SearchTable> {
  const isKnown = sources.every(({ analysis }) => analysis === analysisVersion);
  assert(isKnown, 'tables of one analysis are merged');
  const merge = new Merge(
    sources.map((table) => (range) => entriesOf(table, range, { ...stores, ...parts })),
    removals,
  );
  const run = await writeRun(stores.objects, merge.entries(), parts);
  return { ...merge.statistics, analysis: analysisVersion, run };
}

async function* entriesOf(
  { run }: SearchTable,
  { from, end }: KeyRange,
  { tables, signal }: { readonly tables: TableStore; readonly signal: AbortSignal },
): AsyncGenerator<Entry> {
  for (const ref of run) {
    for await (const entry of tables.entries(ref, { from, isOnce: true }, signal)) {
      if (Buffer.compare(entry.key, end) >= 0) return;
      yield entry;
    }
  }
}
