import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue } from './due-queue.ts';

const takeAll = (queue: DueQueue, nowMs: number): string[] => {
  const taken: string[] = [];
  for (let key = queue.take(nowMs); key !== undefined; key = queue.take(nowMs)) taken.push(key);
  return taken;
};

test('gives each key once, the earliest first, and none before its time', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(100))), fc.nat(100), (sets, nowMs) => {
      const queue = new DueQueue();
      const earliest = new Map<string, number>();
      for (const [name, dueMs] of sets) {
        queue.set(`${name}`, dueMs);
        earliest.set(`${name}`, Math.min(dueMs, earliest.get(`${name}`) ?? dueMs));
      }
      const due = [...earliest].filter(([, dueMs]) => dueMs <= nowMs);
      const taken = takeAll(queue, nowMs);
      expect([...taken].sort()).toEqual(due.map(([key]) => key).sort());
      const times = taken.map((key) => earliest.get(key) ?? 0);
      expect(times).toEqual([...times].sort((one, other) => one - other));
      expect(queue.size).toBe(earliest.size - due.length);
    }),
  );
});

test('a key that was given out may be set again', () => {
  const queue = new DueQueue();
  queue.set('a', 1);
  expect(queue.take(1)).toBe('a');
  queue.set('a', 5);
  expect(queue.take(4)).toBeUndefined();
  expect(queue.take(5)).toBe('a');
});

test('what is not retained is never given out', () => {
  const queue = new DueQueue();
  for (const key of ['c', 'a', 'b', 'd']) queue.set(key, key.charCodeAt(0));
  queue.set('d', 0);
  queue.retain((key) => key !== 'b');
  expect(queue.size).toBe(3);
  expect(takeAll(queue, 1_000)).toEqual(['d', 'a', 'c']);
});

test('what is forgotten is never given out, and takes no room for long', () => {
  const queue = new DueQueue();
  queue.set('kept', 5);
  for (let round = 0; round < 10_000; round += 1) {
    queue.set(`${round}`, 1_000_000);
    queue.forget(`${round}`);
  }
  queue.forget('unknown');
  expect(queue.size).toBe(1);
  expect(takeAll(queue, 2_000_000)).toEqual(['kept']);
  queue.set('7', 1);
  expect(takeAll(queue, 1)).toEqual(['7']);
});
