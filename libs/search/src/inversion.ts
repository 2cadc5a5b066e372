// Turns collected events into the entries of an index: documents in order of session and seq, keys in order.
// What takes long is done in steps, so that a large index holds up nobody.

import { assert, compareText, Pace, unsignedVarintBytes, writeUnsignedVarint } from '@tidemark/std';
import type { Entry } from '@tidemark/tables';
import { type DocumentPage, encodePage, pageDocuments } from './document-page.ts';
import type { EventCollector } from './event-collector.ts';
import { type EncodedList, PostingsEncoder } from './postings.ts';
import { listKey, pageKey, restKey, termPrefix } from './search-keys.ts';
import { sortInSteps } from './step-sort.ts';

/** Only where there are such does the order of UTF-16 differ from that of UTF-8, and comparing takes longer. */
const surrogate = /[\ud800-\udfff]/;

/** Postings that are put into their places in one go: about a millisecond. */
const stepEntries = 64 * 1_024;

/** Keys that are put in order in one go: about a millisecond. */
const stepKeys = 2_048;
/** By so many characters keys are told apart before they are compared: their kind, and how they begin. */
const beginningChars = 4;

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

type Rest = () => Promise<void>;

/** Pages first, then lists: the order of their keys. */
export async function* entriesOf(collector: EventCollector, rest: Rest): AsyncGenerator<Entry> {
  const order = orderOf(collector);
  const pace = new Pace(rest);
  for (const { session, number, page } of pagesInOrder(collector, order)) {
    const value = encodePage(page);
    yield { key: pageKey(session, number), value };
    // A page may be of one event: a rest takes a millisecond.
    await pace.done(value.length);
  }
  const inverted = await invert(collector, { order, rest });
  const keys = await sortedKeys(collector.keys, rest);
  const encoder = new PostingsEncoder(order.map((added) => collector.lengths.at(added)));
  for (const key of keys) {
    const { documents, frequencies, ends } = inverted;
    const start = key === 0 ? 0 : (ends[key - 1] as number);
    const end = ends[key] as number;
    const name = collector.keys[key] as string;
    if (!name.startsWith(termPrefix)) frequencies.fill(1, start, end);
    const list = encoder.encode({ documents, frequencies, start, end });
    // Delegated to, each entry of a generator without waits would be waited for twice.
    for (const entry of listEntries(name, list)) yield entry;
  }
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

interface Inverted {
  /** Of each key, one behind the other. */
  readonly documents: Uint32Array;
  readonly frequencies: Uint16Array;
  /** Where those of a key end. */
  readonly ends: Uint32Array;
}

/** Every posting lies at its place among those of its key, once they are counted. */
async function invert(
  collector: EventCollector,
  { order, rest }: { readonly order: Uint32Array; readonly rest: Rest },
): Promise<Inverted> {
  const { keys, entryEnds, entryKeys, entryCounts, entries } = collector;
  const ends = await endsOfLists(collector, rest);
  await rest();
  const documents = new Uint32Array(entries);
  const frequencies = new Uint16Array(entries);
  const fill = new Uint32Array(keys.length);
  for (let key = 1; key < keys.length; key += 1) fill[key] = ends[key - 1] as number;
  let untilRest = stepEntries;
  for (let document = 0; document < order.length; document += 1) {
    const added = order[document] as number;
    const first = added === 0 ? 0 : entryEnds.at(added - 1);
    const end = entryEnds.at(added);
    for (let at = first; at < end; at += 1) {
      const key = entryKeys[at] as number;
      const place = fill[key] as number;
      documents[place] = document;
      frequencies[place] = entryCounts[at] as number;
      fill[key] = place + 1;
    }
    untilRest -= end - first;
    if (untilRest > 0) continue;
    untilRest = stepEntries;
    await rest();
  }
  return { documents, frequencies, ends };
}

async function endsOfLists(
  { keys, entryKeys, entries }: EventCollector,
  rest: Rest,
): Promise<Uint32Array> {
  const ends = new Uint32Array(keys.length);
  for (let start = 0; start < entries; start += stepEntries) {
    const end = Math.min(entries, start + stepEntries);
    for (let at = start; at < end; at += 1) {
      const key = entryKeys[at] as number;
      ends[key] = (ends[key] as number) + 1;
    }
    await rest();
  }
  for (let key = 1; key < ends.length; key += 1) {
    ends[key] = (ends[key] as number) + (ends[key - 1] as number);
  }
  return ends;
}

/** Their numbers, in the order of their UTF-8. */
async function sortedKeys(keys: readonly string[], rest: Rest): Promise<readonly number[]> {
  const nameOf = (key: number): string => keys[key] as string;
  if (keys.some((key) => surrogate.test(key))) {
    const numbers = Array.from(keys.keys());
    return sortInSteps(numbers, (one, other) => compareText(nameOf(one), nameOf(other)), rest);
  }
  const compare = (one: number, other: number): number => compareUnits(nameOf(one), nameOf(other));
  const groups = await byBeginning(keys, rest);
  const sorted: number[] = [];
  let untilRest = stepKeys;
  for (const beginning of [...groups.keys()].sort()) {
    const group = groups.get(beginning) ?? [];
    const isLong = group.length > stepKeys;
    for (const key of isLong ? await sortInSteps(group, compare, rest) : group.sort(compare)) {
      sorted.push(key);
    }
    untilRest -= isLong ? 0 : group.length;
    if (untilRest > 0) continue;
    untilRest = stepKeys;
    await rest();
  }
  return sorted;
}

/** Keys that begin alike: each is compared with no others. */
async function byBeginning(
  keys: readonly string[],
  rest: Rest,
): Promise<ReadonlyMap<string, number[]>> {
  const groups = new Map<string, number[]>();
  for (const [key, name] of keys.entries()) {
    const beginning = name.slice(0, beginningChars);
    const group = groups.get(beginning);
    if (group === undefined) groups.set(beginning, [key]);
    else group.push(key);
    if (key % stepKeys === 0) await rest();
  }
  return groups;
}

const compareUnits = (one: string, other: string): number => {
  if (one === other) return 0;
  return one < other ? -1 : 1;
};

export function* listEntries(name: string, { df, rest }: EncodedList): Generator<Entry> {
  const isLong = rest.length > restBytesMax;
  const dfBytes = unsignedVarintBytes(df);
  const value = new Uint8Array(dfBytes + (isLong ? 0 : rest.length));
  writeUnsignedVarint(value, 0, df);
  if (!isLong) value.set(rest, dfBytes);
  yield { key: listKey(name), value };
  if (isLong) yield { key: restKey(name), value: rest };
}
