// A list that stands for more than it is tall, moved as a browser moves one: within its height, in whole pixels.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TallScroll } from './tall-scroll.js';

const view = 900;
const max = 15_000_000;

/** Moves it, and settles it where a page does. */
class Browser {
  readonly scroll = new TallScroll(max);
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
    this.scroll.resize(rows, view);
  }

  get offsetMax(): number {
    return this.#rows - view;
  }

  moveTo(top: number): void {
    const { scroll } = this;
    scroll.moved(Math.min(Math.max(0, Math.round(top)), scroll.height - view));
    if (scroll.isStuck) this.rest();
  }

  /** How far the list has moved: one that stands nearer to its end than its rows to theirs has no room for all of it. */
  by(step: number): number {
    const { scroll } = this;
    const room = step < 0 ? -scroll.top : scroll.height - view - scroll.top;
    this.moveTo(scroll.top + step);
    return Math.abs(step) < Math.abs(room) ? step : room;
  }

  rest(): void {
    this.scroll.settled(Math.round(this.scroll.settledTop));
  }
}

const rows = fc.integer({ min: max + 1, max: 40 * max });
const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
/** Near its ends too: there the list comes to an end before its rows do. */
const share = fc.oneof(between(0, 1), between(0, 0.01), between(0.99, 1));

test('a list that can be drawn is moved as it is', () => {
  const browser = new Browser(30_000);
  expect([browser.scroll.height, browser.scroll.isScaled]).toEqual([30_000, false]);
  for (const top of [0, 1, 20_000, 29_100, 3]) {
    browser.moveTo(top);
    expect([browser.scroll.offset, browser.scroll.settledTop]).toEqual([top, top]);
  }
});

test('a jump leads to where it lies in proportion, and to the ends', () => {
  fc.assert(
    fc.property(rows, share, (count, at) => {
      const browser = new Browser(count);
      const { scroll, offsetMax } = browser;
      expect(scroll.height).toBe(max);
      browser.moveTo(max);
      expect(scroll.offset).toBe(offsetMax);
      browser.moveTo(at * (max - view));
      expect(Math.abs(scroll.offset / offsetMax - at)).toBeLessThan(0.001);
      browser.moveTo(0);
      expect(scroll.offset).toBe(0);
    }),
  );
});

test('from wherever one is, small moves go on by as much as they are, up to both ends', () => {
  const step = fc.integer({ min: 1, max: 1_500 });
  fc.assert(
    fc.property(rows, share, fc.tuple(step, fc.boolean()), (count, at, [pixels, rests]) => {
      const browser = new Browser(count);
      const { scroll, offsetMax } = browser;
      for (const direction of [1, -1]) {
        browser.moveTo(at * (max - view));
        const there = scroll.offset;
        browser.rest();
        expect(scroll.offset).toBe(there);
        for (let turn = 0; turn < 50; turn += 1) {
          const before = scroll.offset;
          const moved = browser.by(direction * pixels);
          const wanted = Math.min(Math.max(0, before + moved), offsetMax);
          // In whole pixels, at both ends of a rest.
          expect(Math.abs(scroll.offset - wanted)).toBeLessThan(2);
          if (rests) browser.rest();
        }
      }
    }),
  );
});

test('near an end small moves lead to it, however one came there', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 0, max: 40_000 }), fc.boolean(), (count, away, isDown) => {
      const browser = new Browser(count);
      const { scroll, offsetMax } = browser;
      scroll.goTo(isDown ? offsetMax - away : away);
      browser.rest();
      for (let turn = 0; turn < 1_000; turn += 1) browser.by(isDown ? 100 : -100);
      expect(scroll.offset).toBe(isDown ? offsetMax : 0);
      expect(scroll.top).toBe(isDown ? max - view : 0);
    }),
  );
});

test('with more rows, no row moves, and one that stood at the end can go on', () => {
  const browser = new Browser(2 * max);
  const { scroll, offsetMax } = browser;
  browser.moveTo(max);
  scroll.resize(3 * max, view);
  expect([scroll.offset, scroll.isStuck]).toEqual([offsetMax, true]);
  browser.rest();
  browser.by(100);
  expect(scroll.offset).toBe(offsetMax + 100);
});
