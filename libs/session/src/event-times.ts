// How a stream's events lie in time: counts in spans of one width, from the one in which the first was appended.
//
// (1) There are at most so many spans: where time goes beyond the last one they become twice as wide, and two of
//     them one, until it does not. So it is known of the whole of a stream, the more finely the shorter it is.
// (2) Spans begin at multiples of their width, so that those of two streams lie over each other.
// (3) An event that is older than the last span counts there: of two clocks one may be behind.

export interface EventTimes {
  /** Where the first span begins. */
  readonly startMs: number;
  readonly spanMs: number;
  /** Of all spans but the last. */
  readonly before: readonly number[];
  /** Of the last one, in which most are counted. */
  readonly last: number;
}

export const spansMax = 32;
const spanMsMin = 5_000;

const none: readonly number[] = [];

const beginAt = (timeMs: number, count: number): EventTimes => ({
  startMs: Math.floor(timeMs / spanMsMin) * spanMsMin,
  spanMs: spanMsMin,
  before: none,
  last: count,
});

/** So many events of one time. */
export function countTimes(
  times: EventTimes | undefined,
  timeMs: number,
  count: number,
): EventTimes {
  if (times === undefined) return beginAt(timeMs, count);
  let wide = times;
  while (spanOf(wide, timeMs) >= spansMax) wide = widened(wide);
  const { startMs, spanMs, before, last } = wide;
  const empty = spanOf(wide, timeMs) - before.length - 1;
  if (empty < 0) return { startMs, spanMs, before, last: last + count };
  const filled = [...before, last, ...Array<number>(empty).fill(0)];
  return { startMs, spanMs, before: filled, last: count };
}

const spanOf = ({ startMs, spanMs }: EventTimes, timeMs: number): number =>
  Math.floor((timeMs - startMs) / spanMs);

/** Invariant 2: the first of the wider spans may begin with one in which nothing was counted. */
function widened({ startMs, spanMs, before, last }: EventTimes): EventTimes {
  const wideMs = 2 * spanMs;
  const start = Math.floor(startMs / wideMs) * wideMs;
  const counts = [...(start < startMs ? [0] : []), ...before, last];
  const wide: number[] = [];
  for (let at = 0; at < counts.length; at += 2) {
    wide.push((counts[at] as number) + (counts[at + 1] ?? 0));
  }
  const lastOfAll = wide.pop() ?? 0;
  return { startMs: start, spanMs: wideMs, before: wide, last: lastOfAll };
}

/** The oldest first. */
export const countsOf = ({ before, last }: EventTimes): readonly number[] => [...before, last];

/** As it is stored. */
export type TimesNumbers = readonly [startMs: number, spanMs: number, ...counts: number[]];

export const timesNumbers = (times: EventTimes): TimesNumbers => [
  times.startMs,
  times.spanMs,
  ...countsOf(times),
];

export function timesFrom([startMs, spanMs, ...counts]: TimesNumbers): EventTimes {
  return { startMs, spanMs, before: counts.slice(0, -1), last: counts.at(-1) ?? 0 };
}
