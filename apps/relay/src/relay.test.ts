// Three relay processes that crash and come back, over a log with delays, and a receiver that fails
// and falls silent: whatever happens, no attempt is made twice, and in the end all is acknowledged.

import { Fault } from '@tidemark/ports';
import { expect, test } from 'vitest';
import {
  Client,
  json,
  type RelayProcess,
  SimulatedCell,
  type SimulatedReceiver,
  wakeOf,
  webhookBody,
} from './testing.ts';

const streams = ['events/a', 'events/b', 'events/c'];

interface Ledger {
  readonly deliveries: Map<number, number>;
  readonly failures: Map<number, number>;
}

const count = (counts: Map<number, number>, generation: number): void => {
  counts.set(generation, (counts.get(generation) ?? 0) + 1);
};

/** Answers at random: done, taken and called back, taken and forgotten, refused, cut off. */
function answerAtRandom(cell: SimulatedCell, living: () => Client): Ledger {
  const ledger: Ledger = { deliveries: new Map(), failures: new Map() };
  const prng = cell.prng.fork('receiver');
  const receiver: SimulatedReceiver = cell.receiver;
  receiver.answer = ({ notification }) => {
    const { generation } = notification;
    count(ledger.deliveries, generation);
    const lot = prng.below(10);
    if (lot < 4) return json({ done: true });
    if (lot < 6) {
      void living()
        .ack('webhook', wakeOf(notification), { done: true })
        .catch(() => undefined);
      return json({});
    }
    if (lot < 8) return json({});
    count(ledger.failures, generation);
    if (lot < 9) return json({}, 500);
    throw new Fault('unavailable', 'cut', { effect: 'unknown' });
  };
  return ledger;
}

test.each([1, 2, 3, 4, 5, 6])('seed %i: each attempt is made once', async (seed) => {
  await using cell = new SimulatedCell({ seed, partitions: 2, instant: false });
  const { clock } = cell;
  const prng = cell.prng.fork('schedule');
  const living: RelayProcess[] = [];
  for (const name of ['p0', 'p1', 'p2']) living.push(await cell.start(name));
  const client = (): Client => new Client(living[prng.below(living.length)] as RelayProcess);
  const ledger = answerAtRandom(cell, client);
  await clock.runUntil(client().put('sub', webhookBody));
  for (const name of streams) await clock.runUntil(client().create(name));
  for (let step = 0; step < 40; step += 1) {
    const name = streams[prng.below(streams.length)] ?? '';
    await clock.runUntil(client().append(name, String(step)));
    await clock.advance(prng.below(1_500));
    if (step % 8 !== 7) continue;
    living.splice(prng.below(living.length), 1)[0]?.crash();
    living.push(await cell.start(`p${step}`));
  }
  for (const [generation, deliveries] of ledger.deliveries) {
    const failures = ledger.failures.get(generation) ?? 0;
    expect({ generation, isOnce: deliveries <= 1 + failures }).toEqual({
      generation,
      isOnce: true,
    });
  }
  cell.receiver.answer = () => json({ done: true });
  await clock.advance(120_000);
  const { streams: links } = await clock.runUntil(client().get('sub'));
  for (const name of streams) {
    const tail = await clock.runUntil(client().tail(name));
    expect(links.find(({ path }) => path === name)?.acked_offset).toBe(tail);
  }
});
