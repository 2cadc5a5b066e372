// What holds of deliveries, whatever owners and relays say of them.

import { limits } from '@tidemark/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Destination,
  type DestinationState,
  destinationOf,
  evolveOutbox,
  hasRoomIn,
  isWaiting,
  noOutbox,
  type Outbox,
  type OutboxFact,
  owesDelivery,
} from './outbox.ts';

const hook: Destination = {
  id: 'hook',
  url: 'https://example.com/hook',
  level: 'user',
  includesRaw: false,
  isEnabled: true,
  secrets: [],
};

const at = { timeMs: 1_000, tailSeq: 1_000 };

function after(facts: readonly OutboxFact[], from: Outbox = noOutbox): Outbox {
  let outbox = from;
  for (const fact of facts) {
    const next = evolveOutbox(outbox, fact, at);
    if (next === undefined) throw new Error(`void: ${JSON.stringify(fact)}`);
    outbox = next;
  }
  return outbox;
}

const put: OutboxFact = { type: 'destination-put', destination: hook, afterSeq: 0 };
const claim: OutboxFact = { type: 'outbox-claimed', holder: 'one', generation: 1 };
const told = (seq: number, more: object = {}): OutboxFact => ({
  type: 'delivery-told',
  destination: 'hook',
  generation: 1,
  seq,
  eventId: `event-${seq}`,
  status: 'delivered',
  cursorSeq: seq + 1,
  ...more,
});
const held = after([put, claim]);
const known = (outbox: Outbox): DestinationState => {
  const found = destinationOf(outbox, 'hook');
  if (found === undefined) throw new Error('no hook');
  return found;
};

describe('evolveOutbox', () => {
  test('a claim draws the next generation, and one generation once', () => {
    expect(evolveOutbox(held, claim, at)).toBeUndefined();
    const next = after([{ ...claim, holder: 'two', generation: 2 }], held);
    expect(next).toMatchObject({ holder: 'two', generation: 2 });
    expect(evolveOutbox(next, told(0), at)).toBeUndefined();
    expect(evolveOutbox(noOutbox, claim, at)).toBeUndefined();
  });

  test('the cursor goes on, and neither back nor beyond the end', () => {
    const once = after([told(3)], held);
    expect(known(once).cursorSeq).toBe(4);
    expect(evolveOutbox(once, told(3), at)).toBeUndefined();
    expect(evolveOutbox(once, told(1_000), at)).toBeUndefined();
    const pass = { type: 'deliveries-passed', destination: 'hook', generation: 1 } as const;
    expect(evolveOutbox(once, { ...pass, cursorSeq: 4 }, at)).toBeUndefined();
    expect(known(after([{ ...pass, cursorSeq: 1_000 }], once)).cursorSeq).toBe(1_000);
    expect(owesDelivery(once, 1_000)).toBe(true);
    expect(owesDelivery(after([{ ...pass, cursorSeq: 1_000 }], once), 1_000)).toBe(false);
  });

  test('an entry that waits is told of until it is over, and again only where that is asked', () => {
    const failed = after([told(0, { status: 'waiting', nextAtMs: 6_000 })], held);
    const again = told(0, { cursorSeq: undefined });
    const done = after([again], failed);
    expect(known(done).entries).toMatchObject([{ status: 'delivered', attempts: 2 }]);
    expect(evolveOutbox(done, again, at)).toBeUndefined();
    const ask = { type: 'redelivery-asked', destination: 'hook', eventId: 'event-0' } as const;
    const asked = after([{ ...ask, seq: 0 }], done);
    expect(known(asked).entries).toMatchObject([{ status: 'waiting', attempts: 0 }]);
    expect(evolveOutbox(done, { ...ask, seq: 1 }, at)).toBeUndefined();
  });

  test('a session has so many destinations of its own, and its tenant some more', () => {
    const many = (count: number, more: object): OutboxFact[] =>
      Array.from({ length: count }, (_, index) => ({
        ...put,
        destination: { ...hook, ...more, id: `${index}${JSON.stringify(more)}` },
      }));
    const own = after(many(limits.destinationsMax, {}));
    expect(evolveOutbox(own, put, at)).toBeUndefined();
    const all = after(many(limits.sharedDestinationsMax, { isShared: true }), own);
    const shared = { ...put, destination: { ...hook, isShared: true } };
    expect(evolveOutbox(all, shared, at)).toBeUndefined();
  });
});

test('whatever is told, what waits is kept, what is kept is bounded, and room is where more may wait', () => {
  const statuses = fc.constantFrom('waiting', 'delivered', 'dead');
  const facts = fc.array(fc.record({ status: statuses, isNew: fc.boolean() }), {
    minLength: 200,
    maxLength: 400,
  });
  fc.assert(
    fc.property(facts, (given) => {
      let outbox = held;
      for (const { status, isNew } of given) {
        const { entries, cursorSeq } = known(outbox);
        const waiting = entries.filter(isWaiting).map(({ seq }) => seq);
        const first = waiting[0];
        const fact =
          isNew || first === undefined
            ? told(cursorSeq, { status })
            : told(first, { status, cursorSeq: undefined });
        const next = evolveOutbox(outbox, fact, at);
        if (next === undefined) {
          expect(hasRoomIn(known(outbox))).toBe(false);
          continue;
        }
        const kept = known(next).entries;
        expect(kept.length).toBeLessThanOrEqual(limits.deliveriesMax);
        const still = new Set(kept.filter(isWaiting).map(({ seq }) => seq));
        for (const seq of waiting) expect(still.has(seq) || seq === first).toBe(true);
        outbox = next;
      }
    }),
    { numRuns: 50 },
  );
});
