import { parseTimestamp } from '@tidemark/protocol';
import { malformed } from './fields.ts';

/** `name[gt]` and its like. Times are compared as times, however they are written. */
export interface TimeRange {
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

export const anyTime: TimeRange = {
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
};

export function parseTimeRange(query: URLSearchParams, name: string): TimeRange {
  let { fromMs, toMs } = anyTime;
  for (const operator of ['gt', 'gte', 'lt', 'lte']) {
    const key = `${name}[${operator}]`;
    // A plus in a query that nobody has encoded is read as a space: `+00:00` comes as ` 00:00`.
    const text = query.get(key)?.replace(/ (\d{2}:\d{2})$/, '+$1');
    if (text === undefined) continue;
    const atMs = parseTimestamp(text);
    if (atMs === undefined) throw malformed(`${key} is an RFC 3339 time`);
    if (operator === 'gt') fromMs = Math.max(fromMs, atMs + 1);
    if (operator === 'gte') fromMs = Math.max(fromMs, atMs);
    if (operator === 'lt') toMs = Math.min(toMs, atMs);
    if (operator === 'lte') toMs = Math.min(toMs, atMs + 1);
  }
  return { fromMs, toMs };
}

export const isWithin = ({ fromMs, toMs }: TimeRange, atMs: number): boolean =>
  atMs >= fromMs && atMs < toMs;
