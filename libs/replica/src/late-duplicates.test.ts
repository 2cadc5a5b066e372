// A zombie's hand: batches that were sent once land again, whole, any time later.

import type { LogRecord, Shard } from '@tidemark/ports';
import { type FaultKind, SeededPrng, settle } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { append, plain, type SimulatedProcess, startInstant, startProcess } from './testing.ts';

const names = ['a', 'b'] as SessionName[];

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const) }) },
);
const action = fc.record({
  step,
  session: fc.nat(1),
  writer: fc.nat(1),
  /** Which earlier batches land once more behind this step. */
  zombies: fc.array(fc.nat(), { maxLength: 3 }),
  fault: fc.constantFrom<(FaultKind | undefined)[]>(
    undefined,
    undefined,
    'twice',
    'late',
    'lost-reply',
  ),
  waitsMs: fc.constantFrom(0, 0, 60_000),
});

function digestsIn({ shards }: SimulatedProcess, shard: Shard) {
  const replica = [...shards.opened].find((opened) => opened.shard === shard);
  return { digest: replica?.fold.digest, position: replica?.fold.position };
}

test('of any batch, between any others, of two writers, changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 25 }),
      fc.nat(),
      async (actions, seed) => {
        const one = await startInstant({ prng: new SeededPrng(seed) });
        const { simulated, clock, tenant } = one;
        const log = simulated.connect('two');
        const two = await startProcess({ log, clock, prng: new SeededPrng(seed + 1) });
        const writers = [one, two];
        const { replica } = one.shards.locate(tenant, 'a');
        const acknowledged = new Map<string, string[]>(names.map((name) => [name, []]));
        let event = 0;
        for (const { step, session, writer, zombies, fault, waitsMs } of actions) {
          const name = names[session] as SessionName;
          const { writes } = writers[writer] as SimulatedProcess;
          const faults = [fault];
          simulated.setFaults((call) => (call === 'append' ? faults.shift() : undefined));
          if (step.kind === 'create') {
            await clock.runUntil(writes.create(tenant, name, plain).catch(() => undefined));
          } else if (step.kind === 'delete') {
            const deleted = await clock.runUntil(
              writes.delete(tenant, name).then(
                () => true,
                () => false,
              ),
            );
            if (deleted) acknowledged.set(name, []);
          } else {
            const events = Array.from({ length: step.count }, () => String((event += 1)));
            const command = append(...events);
            const reply = await clock.runUntil(
              writes.append(tenant, name, command).catch(() => undefined),
            );
            if (reply !== undefined) {
              expect(reply.firstSeq).toBe(acknowledged.get(name)?.length);
              acknowledged.get(name)?.push(...events);
            }
          }
          simulated.setFaults();
          landAgain(simulated.records(replica.shard), zombies, (record) =>
            simulated.injectForeign(replica.shard, record),
          );
          await clock.advance(waitsMs);
        }
        await clock.advance(120_000);
        for (const process of writers) {
          for (const name of names) {
            expect(await eventsIn(process, name)).toEqual(acknowledged.get(name));
          }
        }
        expect(digestsIn(one, replica.shard)).toEqual(digestsIn(two, replica.shard));
      },
    ),
    { numRuns: 60 },
  );
});

function landAgain(
  stored: readonly LogRecord[],
  zombies: readonly number[],
  inject: (record: LogRecord) => void,
): void {
  for (const zombie of zombies) {
    if (stored.length === 0) return;
    const first = zombie % stored.length;
    for (const record of stored.slice(first, first + 1 + (zombie % 3))) inject(record);
  }
}

async function eventsIn(process: SimulatedProcess, name: SessionName): Promise<readonly string[]> {
  const { shards, tenant } = process;
  const { replica, key } = shards.locate(tenant, name);
  await replica.readIndex();
  await settle();
  const session = replica.fold.table.resident(key);
  if (session?.events === undefined) return [];
  const bounds = { position: 0, bytesMax: 1_000_000, eventsMax: 10_000 };
  const { bodies } = await shards.reader.read({ replica, session }, bounds);
  return Buffer.concat(bodies)
    .toString()
    .split(',')
    .filter((text) => text !== '');
}
