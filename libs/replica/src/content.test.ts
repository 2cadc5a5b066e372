// What is served from pages is what was appended, whether the bodies are hot or read again.

import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Content } from './content.ts';
import { HotBudget } from './hot-budget.ts';
import { Page } from './page.ts';
import { startProcess } from './testing.ts';

const textOf = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('latin1');

const bodies = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 400 }), {
  minLength: 1,
  maxLength: 60,
});

function contentOf(events: readonly string[], isJson: boolean, first = { seq: 0, position: 0 }) {
  const content = new Content(new HotBudget(1 << 30), { ...first, isJson });
  for (const [index, event] of events.entries()) content.append(bytesOf(event), index);
  return content;
}

const served = (content: Content, bounds: Parameters<Content['slice']>[0]) => {
  const slice = content.slice(bounds);
  return {
    ...slice,
    text: textOf(slice.ranges.map(({ page, start, end }) => page.range(start, end))),
  };
};

describe('a slice', () => {
  test('of JSON holds whole events from any seq, within its bounds', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.nat(),
        fc.record({ bytesMax: fc.nat(2_000), eventsMax: fc.integer({ min: 1, max: 80 }) }),
        (events, at, { bytesMax, eventsMax }) => {
          const first = { seq: 7, position: 7 };
          const content = contentOf(events, true, first);
          const from = at % (events.length + 1);
          const slice = served(content, {
            position: 7 + from,
            endPosition: Infinity,
            bytesMax,
            eventsMax,
          });
          const count = slice.endSeq - 7 - from;
          expect(slice.text).toBe(
            events
              .slice(from, from + count)
              .map((event) => `${event},`)
              .join(''),
          );
          expect(slice.endPosition).toBe(slice.endSeq);
          expect(count).toBeLessThanOrEqual(eventsMax);
          // One event at least, however large; beyond it, no more than was asked for.
          if (from < events.length) expect(count).toBeGreaterThan(0);
          if (count > 1) expect(slice.text.length).toBeLessThanOrEqual(bytesMax);
        },
      ),
    );
  });

  test('of a byte stream begins at any byte and ends with an event', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(2_000), (events, at, bytesMax) => {
        const content = contentOf(events, false);
        const whole = events.join('');
        const position = at % (whole.length + 1);
        const slice = served(content, {
          position,
          endPosition: Infinity,
          bytesMax,
          eventsMax: Infinity,
        });
        expect(slice.text).toBe(whole.slice(position, slice.endPosition));
        expect(slice.endPosition).toBe(events.slice(0, slice.endSeq).join('').length);
      }),
    );
  });

  test('of a byte stream goes no further than a fork left it', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(), (events, at, end) => {
        const content = contentOf(events, false);
        const whole = events.join('');
        const endPosition = end % (whole.length + 1);
        const position = at % (endPosition + 1);
        const slice = served(content, {
          position,
          endPosition,
          bytesMax: Infinity,
          eventsMax: Infinity,
        });
        expect(slice.text).toBe(whole.slice(position, endPosition));
        expect(slice.endPosition).toBe(endPosition);
      }),
    );
  });

  test('finds an event by its seq, and its seq by its position', () => {
    fc.assert(
      fc.property(bodies, fc.boolean(), (events, isJson) => {
        const content = contentOf(events, isJson);
        for (const seq of events.keys()) {
          expect(content.seqAt(content.positionOf(seq))).toBe(seq);
        }
        expect(content.positionOf(events.length)).toBe(content.endPosition);
        expect(content.seqAt(content.endPosition)).toBe(events.length);
      }),
    );
  });
});

describe('a page', () => {
  test('keeps ranges that were given out, while it grows', () => {
    const page = new Page({ seq: 0, position: 0, isJson: true });
    page.append(bytesOf('"first"'), 0);
    const early = page.range(0, 8);
    for (let index = 1; index < 500; index += 1) page.append(bytesOf(`"${index}"`), index);
    expect(textOf([early])).toBe('"first",');
  });

  test('takes an event larger than any page, and none behind it', () => {
    const page = new Page({ seq: 0, position: 0, isJson: false });
    const large = new Uint8Array(3 * 1_048_576).fill(7);
    expect(page.fits(large.length)).toBe(true);
    page.append(large, 0);
    expect(page.fits(1)).toBe(false);
    expect(Buffer.compare(page.range(0, large.length), large)).toBe(0);
  });

  test('is the same after its bodies were read again', () => {
    fc.assert(
      fc.property(bodies, fc.boolean(), (events, isJson) => {
        const page = new Page({ seq: 0, position: 0, isJson });
        for (const [index, event] of events.entries()) page.append(bytesOf(event), index);
        const before = Uint8Array.from(page.range(0, page.lengthBytes));
        expect(page.evict()).toBeGreaterThanOrEqual(before.length);
        expect(page.isHot).toBe(false);
        expect(page.fits(1)).toBe(false);
        page.restore(events.map(bytesOf));
        expect(Buffer.compare(page.range(0, page.lengthBytes), before)).toBe(0);
      }),
    );
  });
});

describe('the budget', () => {
  test('is kept by letting the oldest pages go, and a page that is read goes last', () => {
    const budget = new HotBudget(3_072);
    const pages = [0, 1, 2].map(() => {
      const page = new Page({ seq: 0, position: 0, isJson: false });
      budget.charge(page, page.append(bytesOf('x'), 0));
      return page;
    });
    expect(budget.usedBytes).toBe(3_072);
    budget.touch(pages[0] as Page);
    const next = new Page({ seq: 0, position: 0, isJson: false });
    budget.charge(next, next.append(bytesOf('y'), 1));
    expect(pages.map(({ isHot }) => isHot)).toEqual([true, false, true]);
    expect(budget.usedBytes).toBe(3_072);
  });

  test('is given back whole when sessions end', () => {
    fc.assert(
      fc.property(fc.array(bodies, { maxLength: 5 }), (sessions) => {
        const budget = new HotBudget(20_000);
        const contents = sessions.map((events) => {
          const content = new Content(budget, { seq: 0, position: 0, isJson: true });
          for (const event of events) content.append(bytesOf(event), 0);
          return content;
        });
        for (const content of contents) content.discard();
        expect(budget.usedBytes).toBe(0);
      }),
    );
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
          hotBytesMax: 4_096,
        });
        const names = ['a', 'b', 'c'] as SessionName[];
        const sent = names.map(() => '');
        for (const name of names) {
          await writes.create(tenant, name, {
            contentType: 'text/plain',
            ttlMs: undefined,
            expiresAtMs: undefined,
            isClosed: false,
            events: [],
            fork: undefined,
          });
        }
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
          const session = replica.fold.session(key);
          const located = { shard: replica.shard, session };
          const position = prng.below((sent[index] as string).length + 1);
          // Several at once share one reading of a page.
          const bounds = { position, bytesMax: 1_000_000, eventsMax: 1_000 };
          const reads = [0, 1, 2].map(() => shards.reader.read(located, bounds));
          for (const range of await Promise.all(reads)) {
            expect(textOf(range.bodies)).toBe(sent[index]?.slice(position));
          }
        }
      },
    ),
    { numRuns: 40 },
  );
});
