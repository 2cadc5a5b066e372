// A search table is a run of sorted tables with the entries of search-keys.ts: first the documents, then the
// lists. What is needed of it before anything is read stands in whoever names it.

import type { ObjectStore } from '@tidemark/ports';
import { type TableRun, writeRun } from '@tidemark/tables';
import { analysisVersion } from './analysis.ts';
import { Analyzer, type SearchEvent } from './document.ts';
import { EventCollector } from './event-collector.ts';
import { entriesOf } from './inversion.ts';
import type { Statistics } from './statistics.ts';
import { statisticsOf } from './statistics.ts';

/** What a manifest says of a search table. */
export interface SearchTable extends Statistics {
  /** Of another analysis its terms mean something else. */
  readonly analysis: number;
  readonly run: TableRun;
}

export interface WriteParts {
  readonly nameOf: () => string;
  /** Between blocks: a long table holds up nobody. */
  readonly rest: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Gathers events in any order, each once, and writes them as one search table. */
export class SearchTableWriter {
  readonly #collector: EventCollector;

  constructor(analyzer: Analyzer = new Analyzer()) {
    this.#collector = new EventCollector(analyzer);
  }

  get documents(): number {
    return this.#collector.documents;
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#collector.bytes;
  }

  add(event: SearchEvent): void {
    this.#collector.add(event);
  }

  async finish(store: ObjectStore, parts: WriteParts): Promise<SearchTable> {
    const { lengths } = this.#collector;
    const statistics = statisticsOf(lengths.values, { start: 0, end: lengths.length });
    const run = await writeRun(store, entriesOf(this.#collector, parts.rest), parts);
    return { ...statistics, analysis: analysisVersion, run };
  }
}
