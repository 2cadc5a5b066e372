// What is served from pages is what was appended, whether the bodies are in memory or read again.

import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from './budget.ts';
import { EventIndex } from './event-index.ts';
import type { EventRun } from './event-run.ts';
import { unpackOffsets } from './packed-offsets.ts';
import { Page, type PageStart, type ServedEvents } from './page.ts';
import { byteStream, startProcess } from './testing.ts';

const textOf = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('latin1');

const bodies = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 400 }), {
  minLength: 1,
  maxLength: 60,
});

const beginning = (isJson: boolean): PageStart => ({ seq: 0, position: 0, isJson });

function pageOf(events: readonly string[], start: PageStart): Page {
  const page = new Page(start);
  for (const event of events) page.append(bytesOf(event));
  return page;
}

function servedOf(events: readonly string[], isJson: boolean): ServedEvents {
  const served = events.map((event) => bytesOf(isJson ? `${event},` : event));
  const ends: number[] = [];
  for (const { length } of served) ends.push((ends.at(-1) ?? 0) + length);
  return { bytes: Buffer.concat(served), ends };
}

const everything = {
  endPosition: Infinity,
  bytesMax: Infinity,
  eventsMax: Infinity,
  takesOne: true,
};

describe('a slice of a page', () => {
  test('of JSON holds whole events from any seq, within its bounds', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.nat(),
        fc.record({ bytesMax: fc.nat(2_000), eventsMax: fc.integer({ min: 1, max: 80 }) }),
        (events, at, bounds) => {
          const page = pageOf(events, { seq: 7, position: 7, isJson: true });
          const from = at % events.length;
          const slice = page.slice({ ...everything, ...bounds, position: 7 + from });
          const count = (slice?.endSeq ?? 0) - 7 - from;
          expect(textOf([slice?.bytes ?? new Uint8Array(0)])).toBe(
            events
              .slice(from, from + count)
              .map((event) => `${event},`)
              .join(''),
          );
          expect(slice?.endPosition).toBe(slice?.endSeq);
          expect(slice?.events).toBe(count);
          expect(count).toBeLessThanOrEqual(bounds.eventsMax);
          // One event at least, however large; beyond it, no more than was asked for.
          expect(count).toBeGreaterThan(0);
          if (count > 1) expect(slice?.bytes.length).toBeLessThanOrEqual(bounds.bytesMax);
        },
      ),
    );
  });

  test('of a byte stream begins at any byte and ends with an event', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(2_000), (events, at, bytesMax) => {
        const page = pageOf(events, beginning(false));
        const whole = events.join('');
        const position = at % whole.length;
        const slice = page.slice({ ...everything, position, bytesMax });
        expect(textOf([slice?.bytes ?? new Uint8Array(0)])).toBe(
          whole.slice(position, slice?.endPosition),
        );
        expect(slice?.endPosition).toBe(events.slice(0, slice?.endSeq).join('').length);
      }),
    );
  });

  test('of a byte stream goes no further than a fork left it', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(), (events, at, end) => {
        const page = pageOf(events, beginning(false));
        const whole = events.join('');
        const endPosition = 1 + (end % whole.length);
        const position = at % endPosition;
        const slice = page.slice({ ...everything, position, endPosition });
        expect(textOf([slice?.bytes ?? new Uint8Array(0)])).toBe(
          whole.slice(position, endPosition),
        );
        expect(slice?.endPosition).toBe(endPosition);
      }),
    );
  });

  test('takes nothing where not even one event fits and one is not owed', () => {
    const page = pageOf(['"first"'], beginning(true));
    expect(
      page.slice({ ...everything, position: 0, bytesMax: 1, takesOne: false }),
    ).toBeUndefined();
  });

  test('begins where an event is found by its seq', () => {
    fc.assert(
      fc.property(bodies, fc.boolean(), (events, isJson) => {
        const page = pageOf(events, beginning(isJson));
        for (const seq of events.keys()) expect(page.seqAt(page.positionOf(seq))).toBe(seq);
        expect(page.positionOf(events.length)).toBe(page.endPosition);
      }),
    );
  });
});

describe('a page', () => {
  test('keeps ranges that were given out, while it grows', () => {
    const page = pageOf(['"first"'], beginning(true));
    const early = page.slice({ ...everything, position: 0 })?.bytes ?? new Uint8Array(0);
    for (let index = 1; index < 500; index += 1) page.append(bytesOf(`"${index}"`));
    expect(textOf([early])).toBe('"first",');
  });

  test('takes an event larger than any page, and none behind it', () => {
    const page = new Page(beginning(false));
    const large = new Uint8Array(3 * 1_048_576).fill(7);
    expect(page.fits(large.length)).toBe(true);
    page.append(large);
    expect(page.fits(1)).toBe(false);
    expect(page.lengthBytes).toBe(large.length);
  });

  test('takes 4,096 events, however small', () => {
    const page = new Page(beginning(false));
    for (let index = 0; index < 4_096; index += 1) {
      expect(page.fits(1)).toBe(true);
      page.append(bytesOf('x'));
    }
    expect(page.fits(1)).toBe(false);
  });

  test('is filled by what was sent in one piece as by one event after the other', () => {
    const small = fc.array(fc.string({ maxLength: 400 }), { minLength: 1, maxLength: 60 });
    const large = fc.integer({ min: 200_000, max: 700_000 }).map((size) => 'x'.repeat(size));
    const texts = fc.oneof(
      { weight: 9, arbitrary: small },
      { weight: 1, arbitrary: fc.array(large, { minLength: 1, maxLength: 6 }) },
      { weight: 1, arbitrary: fc.constant(Array.from({ length: 4_200 }, () => '1')) },
    );
    fc.assert(
      fc.property(texts, fc.boolean(), fc.nat(3), (events, isJson, from) => {
        const values = events.map(bytesOf);
        const joined = bytesOf(events.join(','));
        const first = Math.min(from, events.length - 1);
        const filled = pageOf(['"before"'], beginning(isJson));
        const count = filled.fill({ values, joined }, first);
        const added = pageOf(['"before"'], beginning(isJson));
        for (const value of values.slice(first, first + count)) added.append(value);
        const next = values[first + count];
        expect(next === undefined || !added.fits(next.length)).toBe(true);
        expect(textOf(filled.bodies)).toBe(textOf(added.bodies));
        const whole = [filled, added].map((page) => page.slice({ ...everything, position: 0 }));
        expect(textOf([whole[0]?.bytes ?? joined])).toBe(textOf([whole[1]?.bytes ?? joined]));
      }),
    );
  });

  test('is the same of events that were read again, and reserves no more than they take', () => {
    fc.assert(
      fc.property(bodies, fc.boolean(), (events, isJson) => {
        const page = pageOf(events, beginning(isJson));
        const again = Page.sized(beginning(isJson), page.lengthBytes);
        again.append(bytesOf(events[0] ?? ''));
        again.appendServed(servedOf(events.slice(1), isJson));
        const whole = { ...everything, position: 0 };
        const { bytes, split, ...span } = page.slice(whole) ?? {};
        expect(split?.().map((body) => textOf([body])) ?? []).toEqual(
          events.filter((event) => isJson || event !== ''),
        );
        expect(again?.slice(whole)).toMatchObject(span);
        expect(textOf([again?.slice(whole)?.bytes as Uint8Array])).toBe(
          textOf([bytes as Uint8Array]),
        );
        expect(again.costBytes).toBe(page.lengthBytes + 8 * page.count);
      }),
    );
  });
});

function indexOf(budget: Budget, events: readonly string[], isJson: boolean): EventIndex {
  const index = new EventIndex(budget, beginning(isJson));
  for (const [at, event] of events.entries()) {
    index.append({ values: [bytesOf(event)] }, { offset: 10 + 3 * at, timeMs: 1_000 * at });
  }
  return index;
}

describe('the budget', () => {
  test('is kept by letting the oldest bodies go, and those that are read go last', () => {
    const budget = new Budget(3 * (256 + 8));
    const indexes = [0, 1, 2].map(() => indexOf(budget, ['x'], false));
    const runOf = (index: EventIndex | undefined): EventRun | undefined => index?.runAt(0);
    expect(budget.bodyBytes).toBe(3 * (256 + 8));
    budget.touchBodies(runOf(indexes[0]) as EventRun);
    indexOf(budget, ['y'], false);
    expect(indexes.map((index) => runOf(index)?.page !== undefined)).toEqual([true, false, true]);
    expect(budget.bodyBytes).toBe(3 * (256 + 8));
  });

  test('is given back whole when sessions end', () => {
    fc.assert(
      fc.property(fc.array(bodies, { maxLength: 5 }), (sessions) => {
        const budget = new Budget(20_000);
        const indexes = sessions.map((events) => indexOf(budget, events, true));
        for (const index of indexes) index.discard();
        expect(budget.usedBytes).toBe(0);
        expect(indexes.every(({ costBytes }) => costBytes === 0)).toBe(true);
      }),
    );
  });
});

describe('an index of events', () => {
  test('comes back as it was published, with every place of every event', () => {
    fc.assert(
      fc.property(bodies, fc.boolean(), fc.nat(3), (events, isJson, cooled) => {
        const budget = new Budget(cooled * 2_000);
        const index = indexOf(budget, events, isJson);
        const again = EventIndex.restored(budget, beginning(isJson), index.stored());
        expect(again.endSeq).toBe(index.endSeq);
        expect(again.endPosition).toBe(index.endPosition);
        expect(again.stored()).toEqual(index.stored());
        const offsets = again.stored().flatMap(({ offsets: packed }) => unpackOffsets(packed));
        expect(offsets).toEqual(events.map((_, at) => 10 + 3 * at));
      }),
    );
  });

  test('makes one run of small neighbours whose bodies are gone', () => {
    const budget = new Budget(0);
    const index = indexOf(budget, ['a', 'b', 'c', 'd'], true);
    for (const seq of [0, 1, 2, 3]) {
      const run = index.runOf(seq);
      if (run?.page !== undefined) index.cool(run);
    }
    expect(index.stored()).toHaveLength(1);
    expect(index.endSeq).toBe(4);
  });

  test('finds the run that a time lies in', () => {
    const budget = new Budget(0);
    const index = new EventIndex(budget, beginning(true));
    const large = 'x'.repeat(300_000);
    for (const [at, event] of [large, large, large].entries()) {
      index.append({ values: [bytesOf(event)] }, { offset: at, timeMs: 1_000 * at });
      const run = index.runOf(at);
      if (run?.page !== undefined) index.cool(run);
    }
    expect(index.runAtTime(1_500)?.start.seq).toBe(1);
    expect(index.runAtTime(-1)).toBeUndefined();
    expect(index.runAtTime(9_000)?.start.seq).toBe(2);
  });
});

test('bodies past the budget are read again from the log, the same to the byte', async () => {
  const event = fc.record({ session: fc.nat(2), size: fc.integer({ min: 1, max: 3_000 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 60 }),
      fc.nat(),
      async (events, seed) => {
        const clock = new SimulatedClock();
        const prng = new SeededPrng(seed);
        const simulated = new SimulatedEventLog({ clock, prng, instant: true });
        const log = simulated.connect('one');
        const { shards, writes, tenant } = await startProcess({
          log,
          clock,
          prng,
          memoryBytesMax: 4_096,
        });
        const names = ['a', 'b', 'c'] as SessionName[];
        const sent = names.map(() => '');
        for (const name of names) await writes.create(tenant, name, byteStream);
        for (const [index, { session, size }] of events.entries()) {
          const text = `${index}:`.padEnd(size, 'x');
          const command = {
            kind: 'append',
            contentType: 'text/plain',
            events: [bytesOf(text)],
            close: false,
          } as const;
          await writes.append(tenant, names[session] as SessionName, command);
          sent[session] += text;
        }
        for (const [index, name] of names.entries()) {
          const { replica, key } = shards.locate(tenant, name);
          const position = prng.below((sent[index] as string).length + 1);
          // Several at once share one reading of a page.
          const bounds = { position, bytesMax: 1_000_000, eventsMax: 1_000 };
          await replica.with(key, async (session) => {
            const located = { replica, session };
            const reads = [0, 1, 2].map(() => shards.reader.read(located, bounds));
            for (const range of await Promise.all(reads)) {
              expect(textOf(range.bodies)).toBe(sent[index]?.slice(position));
            }
          });
        }
      },
    ),
    { numRuns: 40 },
  );
});
