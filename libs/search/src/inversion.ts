// Turns collected events into the entries of an index: documents in order of session and seq, keys in order.

import { assert, unsignedVarintBytes, writeUnsignedVarint } from '@tidemark/std';
import type { Entry } from '@tidemark/tables';
import { type DocumentPage, encodePage, pageDocuments } from './document-page.ts';
import type { EventCollector } from './event-collector.ts';
import { type EncodedList, PostingsEncoder } from './postings.ts';
import { listKey, pageKey, restKey, termPrefix } from './search-keys.ts';
import { compareText } from './text-order.ts';

/** Only where there are such does the order of UTF-16 differ from that of UTF-8, and comparing takes longer. */
const surrogate = /[\ud800-\udfff]/;

/** A longer list has an entry, and so a block, of its own: who only wants to know its df does not read it. */
const restBytesMax = 8 * 1_024;

/** Documents by session and seq. */
export function orderOf({ sessions, sessionIds, seqs, documents }: EventCollector): Uint32Array {
  const ranks = new Uint32Array(sessions.length);
  const sorted = sessions.map((session, id) => ({ session, id }));
  sorted.sort((one, other) => compareText(one.session, other.session));
  for (const [rank, { id }] of sorted.entries()) ranks[id] = rank;
  const rankOf = (document: number): number => ranks[sessionIds.at(document)] as number;
  const compare = (one: number, other: number): number =>
    rankOf(one) - rankOf(other) || seqs.at(one) - seqs.at(other);
  const order = Uint32Array.from({ length: documents }, (_, document) => document);
  const isSorted = order.every((at) => at === 0 || compare(at - 1, at) < 0);
  if (!isSorted) order.sort(compare);
  return order;
}

/** Pages first, then lists: the order of their keys. */
export function* entriesOf(collector: EventCollector): Generator<Entry> {
  const order = orderOf(collector);
  for (const { session, number, page } of pagesInOrder(collector, order)) {
    yield { key: pageKey(session, number), value: encodePage(page) };
  }
  yield* lists(collector, order);
}

export interface PageInOrder {
  readonly session: string;
  /** Among those of its session. */
  readonly number: number;
  readonly page: DocumentPage;
}

/** The documents in their order, session after session. */
export function* pagesInOrder(
  collector: EventCollector,
  order: Uint32Array,
): Generator<PageInOrder> {
  const { sessions, sessionIds, seqs } = collector;
  let number = 0;
  for (let start = 0; start < order.length; ) {
    const id = sessionIds.at(order[start] as number);
    let end = start + 1;
    for (; end < order.length && end - start < pageDocuments; end += 1) {
      const [before, added] = [order[end - 1] as number, order[end] as number];
      if (sessionIds.at(added) !== id) break;
      assert(seqs.at(before) < seqs.at(added), 'an event is in an index once');
    }
    const page = collector.page(start, order.subarray(start, end));
    yield { session: sessions[id] as string, number, page };
    const isLast = end === order.length || sessionIds.at(order[end] as number) !== id;
    number = isLast ? 0 : number + 1;
    start = end;
  }
}

/** Every posting lies at its place among those of its key, once they are counted. */
function* lists(collector: EventCollector, order: Uint32Array): Generator<Entry> {
  const { keys, entryEnds, entryKeys, entryCounts, entries, lengths } = collector;
  const ends = endsOfLists(collector);
  const documents = new Uint32Array(entries);
  const frequencies = new Uint16Array(entries);
  const fill = new Uint32Array(keys.length);
  for (let key = 1; key < keys.length; key += 1) fill[key] = ends[key - 1] as number;
  for (let document = 0; document < order.length; document += 1) {
    const added = order[document] as number;
    const end = entryEnds.at(added);
    for (let at = added === 0 ? 0 : entryEnds.at(added - 1); at < end; at += 1) {
      const key = entryKeys[at] as number;
      const place = fill[key] as number;
      documents[place] = document;
      frequencies[place] = entryCounts[at] as number;
      fill[key] = place + 1;
    }
  }
  const encoder = new PostingsEncoder(order.map((added) => lengths.at(added)));
  for (const key of sortedKeys(keys)) {
    const start = key === 0 ? 0 : (ends[key - 1] as number);
    const end = ends[key] as number;
    const name = keys[key] as string;
    if (!name.startsWith(termPrefix)) frequencies.fill(1, start, end);
    yield* listEntries(name, encoder.encode({ documents, frequencies, start, end }));
  }
}

function endsOfLists({ keys, entryKeys, entries }: EventCollector): Uint32Array {
  const ends = new Uint32Array(keys.length);
  for (let at = 0; at < entries; at += 1) {
    const key = entryKeys[at] as number;
    ends[key] = (ends[key] as number) + 1;
  }
  for (let key = 1; key < ends.length; key += 1) {
    ends[key] = (ends[key] as number) + (ends[key - 1] as number);
  }
  return ends;
}

function sortedKeys(keys: readonly string[]): Uint32Array {
  const sorted = keys.map((key, id) => ({ key, id }));
  if (keys.some((key) => surrogate.test(key))) {
    sorted.sort((one, other) => compareText(one.key, other.key));
  } else {
    sorted.sort((one, other) => (one.key < other.key ? -1 : 1));
  }
  return Uint32Array.from(sorted, ({ id }) => id);
}

export function* listEntries(name: string, { df, rest }: EncodedList): Generator<Entry> {
  const isLong = rest.length > restBytesMax;
  const dfBytes = unsignedVarintBytes(df);
  const value = new Uint8Array(dfBytes + (isLong ? 0 : rest.length));
  writeUnsignedVarint(value, 0, df);
  if (!isLong) value.set(rest, dfBytes);
  yield { key: listKey(name), value };
  if (isLong) yield { key: restKey(name), value: rest };
}
