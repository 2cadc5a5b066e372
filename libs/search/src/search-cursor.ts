// Where the next page of an answer begins. It carries the statistics by which the first page was scored: so the scores
// of what is there stay what they are while events are added, and every hit is given once.
//
//   cursor := base64url(JSON [1, query hash, score bits in hex, session, seq, counted, length total, dfs])

import { Problem } from '@tidemark/protocol';
import { bytesOf, murmur2, textOf } from '@tidemark/std';
import type { GlobalStatistics } from './bm25.ts';
import type { Rank } from './ranking.ts';

const version = 1;

export interface SearchCursor {
  readonly rank: Rank;
  readonly statistics: GlobalStatistics;
}

const scoreBits = (score: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(score);
  return bytes.toString('hex');
};

export function cursorText({ rank, statistics }: SearchCursor, asked: string): string {
  const { counted, lengthTotal, dfs } = statistics;
  const bits = scoreBits(rank.score);
  const parts = [version, hashOf(asked), bits, rank.session, rank.seq, counted, lengthTotal, dfs];
  return Buffer.from(bytesOf(JSON.stringify(parts))).toString('base64url');
}

const hashOf = (asked: string): number => murmur2(bytesOf(asked)) >>> 0;

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

/** Of a query of so many terms. Throws a Problem. */
export function parseSearchCursor(
  text: string,
  { asked, terms }: { readonly asked: string; readonly terms: number },
): SearchCursor {
  const parts = partsOf(text);
  const [given, hash, bits, session, seq, counted, lengthTotal, dfs] = parts;
  const isRight =
    parts.length === 8 &&
    given === version &&
    typeof bits === 'string' &&
    /^[0-9a-f]{16}$/.test(bits) &&
    typeof session === 'string' &&
    [seq, counted, lengthTotal].every(isCount) &&
    Array.isArray(dfs) &&
    dfs.length === terms &&
    dfs.every((df) => isCount(df) && df <= Number(counted));
  if (!isRight) throw new Problem('invalid-request', 'no cursor of a search');
  if (hash !== hashOf(asked)) throw new Problem('invalid-request', 'a cursor of another search');
  return {
    rank: {
      score: Buffer.from(bits as string, 'hex').readDoubleBE(),
      session: session as string,
      seq: seq as number,
    },
    statistics: {
      counted: counted as number,
      lengthTotal: lengthTotal as number,
      dfs: dfs as number[],
    },
  };
}

function partsOf(text: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(textOf(Buffer.from(text, 'base64url')));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
