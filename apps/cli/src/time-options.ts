import { type Call, UsageMistake } from './command.ts';

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Of a date, or of a span before now. */
export function timeMsIn(call: Call, option: string): number | undefined {
  const text = call.text(option);
  if (text === undefined) return undefined;
  const { nowMs, timeMsOf } = call.environment;
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs() - Number(count) * (unitsMs[unit] ?? 0);
  const atMs = timeMsOf(text);
  if (atMs === undefined) throw new UsageMistake(`--${option} is a date, or a span as 12h or 7d`);
  return atMs;
}

export function timeIn(call: Call, option: string): string | undefined {
  const atMs = timeMsIn(call, option);
  return atMs === undefined ? undefined : call.environment.timeTextOf(atMs);
}
