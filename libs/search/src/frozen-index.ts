import { Block, ByteWriter, type Entry, writeEntry } from '@tidemark/tables';
import { type DocRanges, joined, noDocs } from './doc-ranges.ts';
import { Documents } from './documents.ts';
import type { EncodedList } from './postings.ts';
import {
  allPages,
  formPrefix,
  type KeyRange,
  listKey,
  listsFrom,
  restKey,
  termPrefix,
} from './search-keys.ts';
import { decodedPostings, type Need, type Segment, unionOf } from './segment.ts';
import { addStatistics, type Statistics } from './statistics.ts';
import { encodedList, listsIn, storedPage } from './stored-lists.ts';

/** Entries that are packed in one go: about a millisecond. */
const stepBytes = 32 * 1_024;

/** The entries of a search table in memory. Documents may go from it; their bytes stay until it goes as a whole. */
export class FrozenIndex {
  readonly documents: Documents;
  readonly #entries: Block;
  readonly #whole: Statistics;
  /** Of sessions the first seq that is kept. */
  readonly removals: Map<string, number> = new Map();
  #gone: DocRanges = noDocs;
  #statistics: Statistics;

  private constructor(entries: Block) {
    this.#entries = entries;
    this.documents = Documents.of(Array.from(within(entries, allPages), storedPage));
    this.#whole = this.documents.statisticsOf([this.documents.range]);
    this.#statistics = this.#whole;
  }

  /** Of entries in key order, a few at a time. */
  static async of(
    entries: Iterable<Entry> | AsyncIterable<Entry>,
    rest: () => Promise<void>,
  ): Promise<FrozenIndex> {
    const writer = new ByteWriter();
    let steps = 1;
    for await (const entry of entries) {
      writeEntry(writer, entry);
      if (writer.length < steps * stepBytes) continue;
      steps = 1 + Math.floor(writer.length / stepBytes);
      await rest();
    }
    return new FrozenIndex(new Block(writer.take()));
  }

  get bytes(): number {
    return this.#entries.costBytes + this.documents.costBytes;
  }

  get liveDocuments(): number {
    return this.#statistics.documents;
  }

  /** All of a session below a seq. */
  remove(session: string, firstKeptSeq: number): void {
    const ranges = this.documents.of(session, { endSeq: firstKeptSeq });
    if (ranges.length === 0) return;
    this.removals.set(session, Math.max(firstKeptSeq, this.removals.get(session) ?? 0));
    this.#gone = joined([...this.#gone, ...ranges]);
    const gone = this.documents.statisticsOf(this.#gone);
    this.#statistics = addStatistics(this.#whole, gone, -1);
  }

  segment({ terms, prefixes, session }: Need): Segment {
    const { documents } = this;
    const searched = session === undefined ? [documents.range] : documents.of(session);
    const isSearched = searched.length > 0;
    return {
      statistics: this.#statistics,
      documents,
      searched,
      gone: this.#gone,
      terms: terms.map((term) => decodedPostings(this.#list(term), this.#gone, searched)),
      prefixes: prefixes.map((prefix) =>
        isSearched ? unionOf(this.#listsFrom(prefix), { documents }) : undefined,
      ),
    };
  }

  async *entries(range: KeyRange): AsyncGenerator<Entry> {
    yield* within(this.#entries, range);
  }

  #list(term: string): EncodedList | undefined {
    const head = this.#entries.find(listKey(term))?.value;
    if (head === undefined) return undefined;
    return encodedList(head, this.#entries.find(restKey(term))?.value);
  }

  #listsFrom(prefix: string): EncodedList[] {
    return [termPrefix, formPrefix].flatMap((space) =>
      listsIn([...within(this.#entries, listsFrom(`${space}${prefix}`))]),
    );
  }
}

function* within(entries: Block, { from, end }: KeyRange): Generator<Entry> {
  for (const entry of entries.from(from)) {
    if (Buffer.compare(entry.key, end) >= 0) return;
    yield entry;
  }
}
