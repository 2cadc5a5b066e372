import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Answering, OwedAnswers } from './owed-answers.ts';

class Connection extends EventEmitter {
  destroyed = false;

  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

const answeringOf = (connection: Connection): Answering => connection as unknown as Answering;

test('memory that several answers send is held until the last of them has gone', () => {
  const owed = new OwedAnswers(1_000);
  const page = new Uint8Array(600);
  const readers = Array.from({ length: 20 }, () => new Connection());
  for (const reader of readers) {
    expect(owed.hold('t', [page.subarray(0, 300)], answeringOf(reader))).toBe('taken');
  }
  expect(owed.bytes).toBe(600);
  for (const reader of readers.slice(1)) reader.close();
  expect(owed.bytes).toBe(600);
  readers[0]?.close();
  expect(owed.bytes).toBe(0);
});

test('whatever the order in which answers are asked for and connections end, nothing stays owed', () => {
  const connections = 8;
  const pages = Array.from({ length: 5 }, (_, index) => new Uint8Array(100 * (index + 1)));
  const step = fc.record({
    connection: fc.nat({ max: connections - 1 }),
    ends: fc.boolean(),
    pages: fc.subarray(pages),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const owed = new OwedAnswers(1_000_000);
      const all = Array.from({ length: connections }, () => new Connection());
      const live = new Map<Connection, Set<Uint8Array>>();
      for (const { connection, ends, pages: sent } of steps) {
        const at = all[connection] as Connection;
        if (ends) {
          at.close();
          live.delete(at);
        } else if (owed.hold('t', sent, answeringOf(at)) === 'taken' && !at.destroyed) {
          live.set(at, new Set([...(live.get(at) ?? []), ...sent]));
        }
        const held = new Set([...live.values()].flatMap((set) => [...set]));
        expect(owed.bytes).toBe([...held].reduce((sum, { length }) => sum + length, 0));
      }
      for (const connection of all) connection.close();
      expect(owed.bytes).toBe(0);
    }),
  );
});
