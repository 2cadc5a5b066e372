import { SeededPrng, SimulatedClock, SimulatedObjectStore } from '@tidemark/ports/testing';
import {
  type SearchEvent,
  type SearchHit,
  type SearchTable,
  SearchTableReader,
  SearchTableWriter,
  search,
} from '@tidemark/search';
import { TableStore } from '@tidemark/tables';

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;

/** A search table in a store in memory, its blocks in the cache once they were read. */
export class TidemarkIndex {
  readonly #reader: SearchTableReader;
  readonly #table: SearchTable;

  private constructor(reader: SearchTableReader, table: SearchTable) {
    this.#reader = reader;
    this.#table = table;
  }

  static async of(events: readonly SearchEvent[]): Promise<TidemarkIndex> {
    const [clock, prng] = [new SimulatedClock(), new SeededPrng(1)];
    const store = new SimulatedObjectStore({ clock, prng, instant: true }).connect('bench');
    const writer = new SearchTableWriter();
    for (const event of events) writer.add(event);
    let names = 0;
    const table = await writer.finish(store, {
      nameOf: () => `search/${(names += 1)}`,
      rest: () => Promise.resolve(),
      signal,
    });
    const tables = new TableStore(store, { cacheBytesMax: 256 * mebibyte });
    const reader = new SearchTableReader(tables, { decodedBytesMax: 64 * mebibyte });
    return new TidemarkIndex(reader, table);
  }

  get bytes(): number {
    return this.#table.run.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async query(words: string, session?: string): Promise<readonly SearchHit[]> {
    const asked = { query: words, hitsMax: 10 };
    const request = session === undefined ? asked : { ...asked, session };
    const rest = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    const sources = { reader: this.#reader, tables: [this.#table], rest };
    return (await search(sources, request, signal)).hits;
  }
}
