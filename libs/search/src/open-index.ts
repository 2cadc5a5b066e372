import type { DocRanges } from './doc-ranges.ts';
import type { Analyzer, SearchEvent } from './document.ts';
import { blobFlag, countOf, cutFlag } from './document-page.ts';
import { Documents, goneOf, type SessionPage } from './documents.ts';
import { EventCollector } from './event-collector.ts';
import { Uint16Column, Uint32Column } from './growing-arrays.ts';
import { orderOf, type PageInOrder, pagesInOrder } from './inversion.ts';
import { type EncodedList, PostingsEncoder } from './postings.ts';
import { decodedPostings, type Need, type Segment, unionOf } from './segment.ts';
import { addStatistics } from './statistics.ts';
import type { WindowedList } from './windowed-list.ts';

/** The documents as they are numbered for a search: by session and seq. */
interface View {
  readonly order: Uint32Array;
  readonly documents: Documents;
  readonly gone: DocRanges;
}

/** Events that can still be added to. They are searched by reading what each of them has. */
export class OpenIndex {
  readonly collector: EventCollector;
  /** Of sessions the first seq that is kept. */
  readonly removals: Map<string, number> = new Map();
  #gone = 0;
  #view: View | undefined;

  constructor(analyzer: Analyzer) {
    this.collector = new EventCollector(analyzer);
  }

  get bytes(): number {
    return this.collector.bytes;
  }

  add(event: SearchEvent): void {
    this.collector.add(event);
    this.#view = undefined;
  }

  /** All of a session below a seq. */
  remove(session: string, firstKeptSeq: number): void {
    const id = this.collector.numberOfSession(session);
    if (id === undefined) return;
    const before = this.removals.get(session) ?? 0;
    const { sessionIds, seqs, documents } = this.collector;
    for (let document = 0; document < documents; document += 1) {
      const seq = seqs.at(document);
      const isNew = sessionIds.at(document) === id && seq >= before && seq < firstKeptSeq;
      if (isNew) this.#gone += 1;
    }
    this.removals.set(session, Math.max(firstKeptSeq, before));
    this.#view = undefined;
  }

  get liveDocuments(): number {
    return this.collector.documents - this.#gone;
  }

  segment({ terms, prefixes, session }: Need): Segment {
    const { documents, gone, order } = this.#viewed();
    const searched = session === undefined ? [documents.range] : documents.of(session);
    const lists = this.#listsOf(
      terms.map((term) => this.collector.numberOfKey(term)),
      order,
    );
    return {
      statistics: addStatistics(
        documents.statisticsOf([documents.range]),
        documents.statisticsOf(gone),
        -1,
      ),
      documents,
      searched,
      gone,
      terms: lists.map((encoded) => decodedPostings(encoded, gone, searched)),
      prefixes: prefixes.map((prefix) => this.#prefixed(prefix, { documents, order })),
    };
  }

  #viewed(): View {
    if (this.#view !== undefined) return this.#view;
    const order = orderOf(this.collector);
    const pages = Array.from(pagesInOrder(this.collector, order), sessionPage);
    const documents = Documents.of(pages);
    this.#view = { order, documents, gone: goneOf(documents, this.removals) };
    return this.#view;
  }

  /** Of keys by their numbers, each at most once. */
  #listsOf(
    ids: readonly (number | undefined)[],
    order: Uint32Array,
  ): readonly (EncodedList | undefined)[] {
    const { keys, entryEnds, entryKeys, entryCounts, lengths } = this.collector;
    const wanted = new Uint16Array(keys.length);
    for (const [at, id] of ids.entries()) if (id !== undefined) wanted[id] = at + 1;
    const found = ids.map(() => ({
      documents: new Uint32Column(),
      frequencies: new Uint16Column(),
    }));
    for (let document = 0; document < order.length; document += 1) {
      const added = order[document] as number;
      const end = entryEnds.at(added);
      for (let at = added === 0 ? 0 : entryEnds.at(added - 1); at < end; at += 1) {
        const place = wanted[entryKeys[at] as number] as number;
        if (place === 0) continue;
        found[place - 1]?.documents.push(document);
        found[place - 1]?.frequencies.push(entryCounts[at] as number);
      }
    }
    const encoder = new PostingsEncoder(order.map((added) => lengths.at(added)));
    return found.map(({ documents, frequencies }) =>
      documents.length === 0
        ? undefined
        : encoder.encode({
            documents: documents.values,
            frequencies: frequencies.values,
            start: 0,
            end: documents.length,
          }),
    );
  }

  #prefixed(
    prefix: string,
    { documents, order }: Pick<View, 'documents' | 'order'>,
  ): WindowedList | undefined {
    const ids: number[] = [];
    for (const [id, key] of this.collector.keys.entries()) {
      if (key.startsWith(prefix, 1)) ids.push(id);
    }
    const lists = this.#listsOf(ids, order).filter((encoded) => encoded !== undefined);
    return unionOf(lists, { documents });
  }
}

function sessionPage({ session, page }: PageInOrder): SessionPage {
  const { firstDoc, count, flags, lengths } = page;
  const [cutCount, blobCount] = [countOf(flags, cutFlag), countOf(flags, blobFlag)];
  const head = { firstDoc, count, cutCount, blobCount };
  return { session, bytes: 0, head, lengths: () => lengths, decode: () => page };
}
