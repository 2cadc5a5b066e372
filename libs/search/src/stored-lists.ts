import { ByteReader, type Entry } from '@tidemark/tables';
import { decodeHead, decodeLengths, decodePage } from './document-page.ts';
import type { SessionPage } from './documents.ts';
import type { EncodedList } from './postings.ts';
import { isRestKey, sessionOfPage } from './search-keys.ts';

export function storedPage({ key, value = new Uint8Array(0) }: Entry): SessionPage {
  return {
    session: sessionOfPage(key),
    bytes: value.length,
    head: decodeHead(value),
    lengths: () => decodeLengths(value),
    decode: () => decodePage(value),
  };
}

export function encodedList(head: Uint8Array, rest: Uint8Array | undefined): EncodedList {
  const reader = new ByteReader(head);
  const df = reader.nextUnsigned();
  return { df, rest: rest ?? head.subarray(reader.at) };
}

/** Heads, and behind those that need it their rests. */
export function listsIn(entries: readonly Entry[]): EncodedList[] {
  const lists: EncodedList[] = [];
  for (const [at, { key, value }] of entries.entries()) {
    if (value === undefined || isRestKey(key)) continue;
    const next = entries[at + 1];
    const rest = next !== undefined && isRestKey(next.key) ? next.value : undefined;
    lists.push(encodedList(value, rest));
  }
  return lists;
}
