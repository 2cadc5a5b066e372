// Facts as they stood at every event of a history, beside the plain maps that were copied at each.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AppendCommand, FactDecision } from './commands.ts';
import { type Facts, factsAt } from './durable-facts.ts';
import { decideTrim } from './keeping-decide.ts';
import { decideDeleteFact, decidePutFact } from './session-decide.ts';
import { absentSession } from './state.ts';
import { decodeState, encodeState } from './state-codec.ts';
import { createPlain, FoldedAlone } from './testing.ts';

const actor = { by: 'somebody', requestId: 'req_1' };

const oneEvent: AppendCommand = {
  kind: 'append',
  contentType: 'application/json',
  close: false,
  events: [bytesOf('{"type":"a"}')],
};

class Session extends FoldedAlone {
  constructor() {
    super();
    this.run({ ...createPlain, profile: {} });
  }

  get facts(): Facts {
    if (this.state.stream === undefined) throw new Error('there is no stream');
    return this.state.stream.aspects.facts;
  }

  ask(decide: FactDecision): void {
    this.run({ kind: 'fact', decide });
  }

  put(key: string, value: string): void {
    this.ask(decidePutFact({ key, value, version: undefined }, actor));
  }
}

const key = fc.constantFrom('a', 'b', 'ü');
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: key, value: fc.nat().map(String) }) },
  { weight: 5, arbitrary: fc.constant('append' as const) },
  { weight: 2, arbitrary: fc.record({ delete: key }) },
  { weight: 1, arbitrary: fc.record({ trim: fc.nat({ max: 20 }) }) },
);

test('at every event that is kept stands what was put before it; what was taken away has no value', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const session = new Session();
      const now = new Map<string, string>();
      const copies: Map<string, string>[] = [];
      const takenAway = new Map<string, number>();
      for (const next of steps) {
        if (next === 'append') {
          session.run(oneEvent);
          copies.push(new Map(now));
        } else if ('put' in next) {
          session.put(next.put, next.value);
          now.set(next.put, next.value);
        } else if ('delete' in next) {
          session.ask(decideDeleteFact({ key: next.delete, version: undefined }, actor));
          if (now.delete(next.delete)) takenAway.set(next.delete, copies.length);
        } else if (next.trim <= copies.length) {
          session.ask(decideTrim({ seq: next.trim, position: next.trim }, actor));
        }
      }
      const encoded = JSON.parse(JSON.stringify(encodeState(session.state))) as unknown;
      const restored = decodeState(absentSession('tenant', 'session'), encoded);
      const head = session.state.stream?.aspects.keeping.head.seq ?? 0;
      for (const facts of [session.facts, restored?.stream?.aspects.facts ?? session.facts]) {
        for (let seq = head; seq < copies.length; seq += 1) {
          const expected = [...(copies[seq] ?? [])].map(([name, value]) => {
            const isTaken = seq < (takenAway.get(name) ?? 0);
            return [name, isTaken ? undefined : value] as const;
          });
          const told = factsAt(facts, seq).map(({ key: name, value }) => [name, value] as const);
          expect(told).toHaveLength(expected.length);
          expect(new Map(told)).toEqual(new Map(expected));
        }
        expect(facts.past.entries.every(({ endSeq }) => endSeq > head)).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('so many values are kept, and so many bytes of them: before that some may be missing, and it says so', () => {
  const session = new Session();
  const overwrite = (count: number, value: string): void => {
    for (let round = 0; round < count; round += 1) {
      session.put('k', value);
      session.run(oneEvent);
    }
  };
  overwrite(limits.pastFactsMax + 1, '1');
  expect(session.facts.past).toMatchObject({ forgottenSeq: 0 });
  expect(factsAt(session.facts, 0)).toMatchObject([{ key: 'k', version: 1 }]);
  overwrite(3, '1');
  expect(session.facts.past.entries).toHaveLength(limits.pastFactsMax);
  expect(session.facts.past.forgottenSeq).toBe(3);
  expect(factsAt(session.facts, 2)).toEqual([]);
  expect(factsAt(session.facts, 3)).toMatchObject([{ key: 'k', version: 4 }]);
  overwrite(5, JSON.stringify('x'.repeat(60_000)));
  expect(session.facts.past.entries).toHaveLength(2);
  expect(session.facts.past.bytes).toBeLessThanOrEqual(limits.pastFactsBytesMax);
});

test('what no event was appended under is not kept', () => {
  const session = new Session();
  for (let value = 0; value < 10; value += 1) session.put('k', String(value));
  expect(session.facts.past.entries).toEqual([]);
});
