import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Queue } from './queue.ts';

const operation = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), item: fc.integer() }),
  fc.record({ kind: fc.constant('shift' as const) }),
  fc.record({ kind: fc.constant('unshift' as const), items: fc.array(fc.integer()) }),
  fc.record({ kind: fc.constant('drain' as const) }),
);

test('behaves as an array does', () => {
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const queue = new Queue<number>();
      let model: number[] = [];
      for (const step of operations) {
        if (step.kind === 'push') {
          queue.push(step.item);
          model.push(step.item);
        } else if (step.kind === 'unshift') {
          queue.unshift(step.items);
          model = [...step.items, ...model];
        } else if (step.kind === 'shift') {
          expect(queue.shift()).toBe(model.shift());
        } else {
          expect(queue.drain()).toEqual(model);
          model = [];
        }
        expect(queue.size).toBe(model.length);
        expect(queue.peek()).toBe(model[0]);
      }
    }),
  );
});

test('keeps its order over thousands of items', () => {
  const queue = new Queue<number>();
  for (let item = 0; item < 5_000; item += 1) queue.push(item);
  for (let item = 0; item < 5_000; item += 1) expect(queue.shift()).toBe(item);
});
