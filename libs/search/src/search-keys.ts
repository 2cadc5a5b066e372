// The entries of a search table, all keys UTF-8:
//
//   d<session>\0<page, 8 digits>   a page of the session's documents                    document-page.ts
//   t<term>                        df:varint, and the rest of its list unless that is long
//   t<term>\0                      the rest of a long list                              postings.ts
//   w<form>                        a list of which only the documents count
//
// No term and no form has a zero byte. A session's name may have none either.

import { assert, bytesOf, textOf } from '@tidemark/std';

const end = '\x01';

export function pageKey(session: string, page: number): Uint8Array {
  assert(!session.includes('\0'), 'a session has no zero byte');
  return bytesOf(`d${session}\0${String(page).padStart(8, '0')}`);
}

export interface KeyRange {
  readonly from: Uint8Array;
  readonly end: Uint8Array;
}

export const pagesOf = (session: string): KeyRange => ({
  from: bytesOf(`d${session}\0`),
  end: bytesOf(`d${session}${end}`),
});

export const allPages: KeyRange = { from: bytesOf('d'), end: bytesOf('e') };

export const allLists: KeyRange = { from: bytesOf('t'), end: bytesOf('x') };

/** Whose page it is. */
export const sessionOfPage = (key: Uint8Array): string => textOf(key.subarray(1, -9));

export const isRestKey = (key: Uint8Array): boolean => key[key.length - 1] === 0;

export const termPrefix = 't';
export const formPrefix = 'w';

/** Of a key as it is held in memory, with its prefix. */
export const listKey = (key: string): Uint8Array => bytesOf(key);

export const restKey = (key: string): Uint8Array => bytesOf(`${key}\0`);

/** Lists of terms, or forms, that begin so. */
export const listsFrom = (key: string): KeyRange => ({
  from: bytesOf(key),
  end: endOf(bytesOf(key)),
});

/** Behind every key that begins with these bytes: of UTF-8 the last one can always be raised. */
function endOf(prefix: Uint8Array): Uint8Array {
  const behind = Uint8Array.from(prefix);
  behind[behind.length - 1] = (behind.at(-1) as number) + 1;
  return behind;
}
