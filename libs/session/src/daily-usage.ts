// What a session has taken in, by days (UTC) of its records' times. A delete does not undo it: whoever bills
// has the log's own count.

import type { Usage } from './activity.ts';
import { isCount } from './shapes.ts';

export interface DayUsage {
  /** Since 1970. */
  readonly day: number;
  readonly events: number;
  readonly bytes: number;
  /** As the runtime reports them; less where it takes back what it said. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In whole cents. */
  readonly listCost: number;
}

/** The newest day, on which most records count, with those before it. */
export interface DailyUsage extends DayUsage {
  readonly before: readonly DayUsage[];
}

/** What is older is no longer known here; where it was published it still is. */
export const usageDaysMax = 400;

const msADay = 86_400_000;

export const dayOf = (timeMs: number): number => Math.floor(timeMs / msADay);

function dayAt(usage: DailyUsage | undefined, timeMs: number): DailyUsage {
  const day = dayOf(timeMs);
  // Of two clocks one may be behind: its records count where the session is.
  if (usage !== undefined && day <= usage.day) return usage;
  const empty = { events: 0, bytes: 0, inputTokens: 0, outputTokens: 0, listCost: 0 };
  if (usage === undefined) return { day, ...empty, before: [] };
  const { before, ...last } = usage;
  return { day, ...empty, before: [...before, last].slice(-usageDaysMax + 1) };
}

export function countEvents(
  usage: DailyUsage | undefined,
  { events, bytes, timeMs }: Pick<DayUsage, 'events' | 'bytes'> & { readonly timeMs: number },
): DailyUsage {
  const at = dayAt(usage, timeMs);
  return { ...at, events: at.events + events, bytes: at.bytes + bytes };
}

const centsOf = (cost: string | undefined): number => {
  const cents = Number(cost ?? 0);
  return isCount(cents) ? cents : 0;
};

/** What was reported between two moments counts on the day of the second. */
export function countReported(
  usage: DailyUsage,
  { from, to }: { readonly from: Usage; readonly to: Usage },
): DailyUsage {
  if (from === to) return usage;
  return {
    ...usage,
    inputTokens: usage.inputTokens + to.input_tokens - from.input_tokens,
    outputTokens: usage.outputTokens + to.output_tokens - from.output_tokens,
    listCost: usage.listCost + centsOf(to.list_cost) - centsOf(from.list_cost),
  };
}

/** The oldest first. */
export function daysOf(usage: DailyUsage | undefined): readonly DayUsage[] {
  if (usage === undefined) return [];
  const { before, ...last } = usage;
  return [...before, last];
}

export type UsageNumbers = readonly [
  day: number,
  events: number,
  bytes: number,
  inputTokens: number,
  outputTokens: number,
  listCost: number,
];

export const usageNumbers = (usage: DayUsage): UsageNumbers => [
  usage.day,
  usage.events,
  usage.bytes,
  usage.inputTokens,
  usage.outputTokens,
  usage.listCost,
];

export function usageFrom(numbers: UsageNumbers): DayUsage {
  const [day, events, bytes, inputTokens, outputTokens, listCost] = numbers;
  return { day, events, bytes, inputTokens, outputTokens, listCost };
}

export function dailyUsageFrom(days: readonly UsageNumbers[]): DailyUsage | undefined {
  const [last, ...before] = days.map(usageFrom).reverse();
  return last === undefined ? undefined : { ...last, before: before.reverse() };
}
