// What sessions have taken in, by days, as it is published beside them:
//
//   row   := tenant '/' day (5 digits) ' ' digest of the session's key
//   value := [name or null, ...DayUsage as numbers]                                  (JSON, UTF-8)
//
// A session that is deleted leaves its rows: they are billed, and name nobody any more.

import { createHash } from 'node:crypto';
import {
  type DayUsage,
  daysOf,
  type SessionState,
  type UsageNumbers,
  usageFrom,
  usageNumbers,
} from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';

/** Both days included. */
export interface UsageRange {
  readonly tenant: string;
  readonly fromDay: number;
  readonly toDay: number;
  /** Behind this row. */
  readonly after: string | undefined;
}

export interface UsageRow {
  readonly row: string;
  /** Of a session that lives. */
  readonly name: string | undefined;
  readonly usage: DayUsage;
}

const dayDigits = 5;
const digestChars = 24;

const digestOf = (key: string): string =>
  createHash('sha256').update(key).digest('base64url').slice(0, digestChars);

const rowAt = (tenant: string, day: number, digest: string): string =>
  `${tenant}/${String(day).padStart(dayDigits, '0')} ${digest}`;

/** What its rows are made of. */
export type UsageStanding = Pick<SessionState, 'life' | 'usage'>;

export const standingOf = ({ life, usage }: SessionState): UsageStanding => ({ life, usage });

/** Of one session, the oldest day first. */
export function usageRowsOf(
  { tenant, name }: SessionState,
  { life, usage }: UsageStanding,
  key: string,
): readonly UsageRow[] {
  if (usage === undefined) return [];
  const digest = digestOf(key);
  const told = life === 'live' ? name : undefined;
  return daysOf(usage).map((day) => ({
    row: rowAt(tenant, day.day, digest),
    name: told,
    usage: day,
  }));
}

/** Those that are not there yet as they are now. */
export function changedRows(
  now: readonly UsageRow[],
  before: readonly UsageRow[],
): readonly UsageRow[] {
  const known = new Map(before.map((each) => [each.row, each]));
  return now.filter((each) => {
    const old = known.get(each.row);
    return old === undefined || !isSame(old, each);
  });
}

/** What all rows of a range lie between. */
export function usageBounds({ tenant, fromDay, toDay, after }: UsageRange): {
  readonly from: string;
  readonly before: string;
} {
  const first = rowAt(tenant, fromDay, '');
  // The first row behind one is the one with a zero byte more.
  const from = after === undefined || after < first ? first : `${after}\0`;
  return { from, before: rowAt(tenant, toDay + 1, '') };
}

const isSame = (one: UsageRow, other: UsageRow): boolean =>
  one.name === other.name &&
  usageNumbers(one.usage).every((number, index) => number === usageNumbers(other.usage)[index]);

export const encodeUsage = ({ name, usage }: UsageRow): Uint8Array =>
  bytesOf(JSON.stringify([name ?? null, ...usageNumbers(usage)]));

export function decodeUsage(row: string, value: Uint8Array): UsageRow {
  const [name, ...numbers] = JSON.parse(textOf(value)) as [string | null, ...UsageNumbers];
  return { row, name: name ?? undefined, usage: usageFrom(numbers) };
}
