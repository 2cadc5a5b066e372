import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Recency, RecentMap } from './recency.ts';

const step = fc.record({
  kind: fc.constantFrom('set', 'set', 'use', 'get', 'delete', 'drop', 'clear'),
  key: fc.nat(6),
  value: fc.nat(),
});

const firstOf = (recent: RecentMap<number, number>): number | undefined =>
  recent.entries().next().value?.[0];

test('has the order of a Map of which what is used is set anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [recent, model] = [new RecentMap<number, number>(), new Map<number, number>()];
      for (const { kind, key, value } of steps) {
        const known = model.get(key);
        if (kind === 'get') expect(recent.get(key)).toBe(known);
        if (kind === 'set') recent.set(key, value);
        if (kind === 'use') expect(recent.use(key)).toBe(known);
        if (kind === 'delete') expect(recent.delete(key)).toBe(model.delete(key));
        if (kind === 'clear') recent.clear();
        if (kind === 'clear') model.clear();
        const [oldest] = model.keys();
        if (kind === 'drop' && oldest !== undefined) {
          model.delete(oldest);
          recent.delete(oldest);
        }
        if (kind === 'set' || (kind === 'use' && known !== undefined)) {
          model.delete(key);
          model.set(key, kind === 'set' ? value : (known ?? 0));
        }
        expect([...recent.entries()]).toEqual([...model]);
        expect([...recent.values()]).toEqual([...model.values()]);
        expect([recent.size, firstOf(recent)]).toEqual([model.size, [...model.keys()][0]]);
        expect(recent.get(key)).toBe(model.get(key));
      }
    }),
  );
});

test('what is given may go, and what is used meanwhile comes once more', () => {
  const order = new Recency<string>();
  const places = ['a', 'b', 'c'].map((value) => order.add(value));
  const seen: string[] = [];
  for (const value of order) {
    seen.push(value);
    if (value === 'a' && places[0] !== undefined) order.remove(places[0]);
    if (value === 'b' && places[1] !== undefined && seen.length < 4) order.renew(places[1]);
  }
  expect(seen).toEqual(['a', 'b', 'c', 'b']);
  expect([...order]).toEqual(['c', 'b']);
});
