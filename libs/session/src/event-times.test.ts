import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  countsOf,
  countTimes,
  type EventTimes,
  spansMax,
  type TimesNumbers,
  timesFrom,
  timesNumbers,
} from './event-times.ts';

const aYear = 31_536_000_000;
/** Most events come soon after each other, some after long. */
const gapMs = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 8_000 }) },
  { weight: 3, arbitrary: fc.nat({ max: 600_000 }) },
  { weight: 1, arbitrary: fc.nat({ max: aYear }) },
);

test('every event is counted once, in the span of its time, and there are never too many spans', () => {
  fc.assert(
    fc.property(fc.nat({ max: 50 * aYear }), fc.array(gapMs, { minLength: 1 }), (first, gaps) => {
      let at = first;
      let times: EventTimes | undefined;
      const all: number[] = [];
      for (const gap of gaps) {
        at += gap;
        all.push(at);
        times = countTimes(times, at, 1);
      }
      if (times === undefined) throw new Error('nothing was counted');
      const { startMs, spanMs } = times;
      const counts = countsOf(times);
      const expected = counts.map(
        (_, index) => all.filter((each) => Math.floor((each - startMs) / spanMs) === index).length,
      );
      expect(counts).toEqual(expected);
      expect(counts.length).toBeLessThanOrEqual(spansMax);
      expect(startMs % spanMs).toBe(0);
      // No finer than it has to be: half as wide there would be too many.
      const halves = (at - (all[0] ?? 0)) / (spanMs / 2);
      expect(spanMs === 5_000 || halves > spansMax - 2).toBe(true);
      const stored = JSON.parse(JSON.stringify(timesNumbers(times))) as TimesNumbers;
      expect(timesFrom(stored)).toEqual(times);
    }),
  );
});

test('a time that goes back counts where the last did', () => {
  const times = countTimes(countTimes(countTimes(undefined, 100_000, 1), 112_000, 1), 3, 1);
  expect(countsOf(times)).toEqual([1, 0, 2]);
});
