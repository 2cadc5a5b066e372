import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MapZoom, moved, seqAt, stretchMin, zoomed } from './map-zoom.js';

const session = fc
  .record({ headSeq: fc.nat(1_000), count: fc.integer({ min: 1, max: 100_000 }) })
  .map(({ headSeq, count }) => ({ headSeq, tailSeq: headSeq + count }));
const share = fc.double({ min: 0, max: 1, noNaN: true });
const factor = fc.double({ min: 0.1, max: 10, noNaN: true });

test('whatever is zoomed and moved, what is shown lies within the session, and is never too little', () => {
  const act = fc.oneof(
    fc.record({ factor, share }),
    fc.record({ events: fc.integer({ min: -120_000, max: 120_000 }) }),
    fc.record({ grown: fc.nat(50) }),
  );
  fc.assert(
    fc.property(session, fc.array(act, { maxLength: 30 }), (first, acts) => {
      const map = new MapZoom();
      let bounds = first;
      for (const each of acts) {
        const { from, to } = map.stretchOf(bounds);
        if ('factor' in each) {
          map.zoom(bounds, { factor: each.factor, at: from + each.share * (to - from) });
        } else if ('events' in each) map.move(bounds, each.events);
        else bounds = { ...bounds, tailSeq: bounds.tailSeq + each.grown };
        const shown = map.stretchOf(bounds);
        expect(shown.from).toBeGreaterThanOrEqual(bounds.headSeq);
        expect(shown.to).toBeLessThanOrEqual(bounds.tailSeq);
        const least = Math.min(stretchMin, first.tailSeq - first.headSeq);
        expect(shown.to - shown.from).toBeGreaterThanOrEqual(least);
        if (map.isWhole) expect(shown).toEqual({ from: bounds.headSeq, to: bounds.tailSeq });
      }
    }),
  );
});

test('a click on an event leads to that event, however close it is shown', () => {
  fc.assert(
    fc.property(session, share, share, (bounds, at, place) => {
      const all = bounds.tailSeq - bounds.headSeq;
      const near = { factor: at, at: bounds.headSeq + place * all };
      const stretch = zoomed({ from: bounds.headSeq, to: bounds.tailSeq }, bounds, near);
      const span = stretch.to - stretch.from;
      const seq = stretch.from + Math.min(span - 1, Math.floor(place * span));
      expect(seqAt(stretch, (seq - stretch.from + 0.5) / span)).toBe(seq);
      expect(seqAt(stretch, 0)).toBe(stretch.from);
      expect(seqAt(stretch, 1)).toBe(stretch.to - 1);
    }),
  );
});

test('what one zooms at stays where it is, but for what an end of the session takes', () => {
  const bounds = { headSeq: 0, tailSeq: 100_000 };
  fc.assert(
    fc.property(fc.integer({ min: 40_000, max: 60_000 }), factor, share, (from, times, place) => {
      const before = { from, to: from + 1_000 };
      const at = from + place * 1_000;
      const { from: begin, to: end } = zoomed(before, bounds, { factor: times, at });
      expect(Math.abs(begin + place * (end - begin) - at)).toBeLessThanOrEqual(1);
    }),
  );
});

describe('a stretch', () => {
  const bounds = { headSeq: 0, tailSeq: 1_000 };
  const at = (map: MapZoom, tailSeq = 1_000) => map.stretchOf({ headSeq: 0, tailSeq });

  test('is a step closer also where the step is small, and all of it again', () => {
    const map = new MapZoom();
    map.zoom(bounds, { factor: 0.999, at: 500 });
    expect(at(map).to - at(map).from).toBe(999);
    map.zoom(bounds, { factor: 1.0001, at: 500 });
    expect(map.isWhole).toBe(true);
    map.zoom(bounds, { factor: 0.5, at: 0 });
    expect(at(map)).toEqual({ from: 0, to: 500 });
    map.showAll();
    expect(at(map)).toEqual({ from: 0, to: 1_000 });
    expect(moved({ from: 0, to: 10 }, bounds, 2_000)).toEqual({ from: 990, to: 1_000 });
  });

  test('that ends with the session goes on with it; another stays', () => {
    const map = new MapZoom();
    map.zoom(bounds, { factor: 0.1, at: 1_000 });
    expect([at(map), at(map, 1_200)]).toEqual([
      { from: 900, to: 1_000 },
      { from: 1_100, to: 1_200 },
    ]);
    map.move(bounds, -300);
    expect(at(map, 1_200)).toEqual({ from: 600, to: 700 });
  });

  test('goes along with whoever goes elsewhere, and stays away from what is followed once it was moved away', () => {
    const map = new MapZoom();
    map.reveal(bounds, { first: 980, last: 999 }, true);
    map.zoom(bounds, { factor: 0.1, at: 990 });
    map.reveal(bounds, { first: 200, last: 219 }, false);
    expect(at(map)).toEqual({ from: 160, to: 260 });
    map.reveal(bounds, { first: 150, last: 169 }, false);
    expect(at(map)).toEqual({ from: 160, to: 260 });
    map.reveal(bounds, { first: 980, last: 999 }, true);
    expect(at(map).to).toBe(1_000);
    map.move(bounds, -500);
    map.reveal(bounds, { first: 981, last: 999 }, true);
    expect(at(map)).toEqual({ from: 400, to: 500 });
  });
});
