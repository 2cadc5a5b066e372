// What is billed is what was acknowledged, whatever of it is published, by whom, and what was deleted since.

import { sleep } from '@tidemark/ports';
import { isProblem, type SessionName } from '@tidemark/protocol';
import { dayOf, usageNumbers } from '@tidemark/session';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ShardReplica } from './shard-replica.ts';
import { PublishedProcesses } from './testing/published-processes.ts';
import { append, plain } from './testing.ts';
import type { UsageRow } from './usage-rows.ts';

const nameOf = (index: number): SessionName => `s${index}` as SessionName;

const step = fc.record({
  kind: fc.constantFrom('create', 'append', 'append', 'request', 'delete', 'publish', 'wait'),
  index: fc.nat({ max: 5 }),
  process: fc.nat({ max: 1 }),
  size: fc.nat({ max: 200 }),
});

const request = (tokens: number) => ({
  ...append(JSON.stringify({ type: 'span.model_request_end', tokens })),
  types: ['span.model_request_end'],
  notes: [JSON.stringify({ input: tokens, output: 1 })],
});

async function rowsIn(replica: ShardReplica, after?: string): Promise<readonly UsageRow[]> {
  const rows: UsageRow[] = [];
  const range = { tenant: 'default', fromDay: 0, toDay: 99_000, after };
  for await (const row of replica.usage(range)) rows.push(row);
  return rows;
}

test('days are counted as they were acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const cell = new PublishedProcesses();
      const { clock } = cell;
      const processes = [
        await cell.start('one', 1),
        await cell.start('the other', 1 << 30),
      ] as const;
      const expected = new Map<number, readonly number[]>();
      const live = new Set<string>();
      for (const { kind, index, process, size } of steps) {
        const asked = processes[process] ?? processes[0];
        const { writes, tenant, publisher, replica } = asked;
        const name = nameOf(index);
        const ask = async (): Promise<void> => {
          if (kind === 'create')
            await writes.create(tenant, name, plain).then(() => live.add(name));
          if (kind === 'delete') await writes.delete(tenant, name).then(() => live.delete(name));
          if (kind !== 'append' && kind !== 'request') return;
          const command = kind === 'append' ? append(`"${'x'.repeat(size)}"`) : request(size);
          await writes.append(tenant, name, command);
          const day = dayOf(clock.nowMs());
          const [events = 0, bytes = 0, input = 0, output = 0] = expected.get(day) ?? [];
          const [tokens, told] = kind === 'request' ? [size, 1] : [0, 0];
          const body = command.events[0]?.length ?? 0;
          expected.set(day, [events + 1, bytes + body, input + tokens, output + told]);
        };
        if (kind === 'wait') await clock.runUntil(sleep(clock, 43_200_000));
        else if (kind === 'publish') {
          await clock.runUntil(replica.readIndex());
          await clock.runUntil(publisher.publish(replica).catch(() => undefined));
        } else {
          await clock.runUntil(
            ask().catch((cause: unknown) => {
              if (!isProblem(cause)) throw cause;
            }),
          );
        }
      }
      const late = await cell.start('another one', 1);
      for (const { replica } of [...processes, late]) {
        await clock.runUntil(replica.readIndex());
        const rows = await clock.runUntil(rowsIn(replica));
        const sums = new Map<number, readonly number[]>();
        for (const { usage } of rows) {
          const [day, ...numbers] = usageNumbers(usage);
          const known = sums.get(day) ?? [0, 0, 0, 0];
          sums.set(
            day,
            known.map((sum, at) => sum + (numbers[at] ?? 0)),
          );
        }
        expect(sums).toEqual(expected);
        const order = rows.map(({ row }) => row);
        expect(order).toEqual([...new Set(order)].sort());
        for (const { name } of rows) if (name !== undefined) expect(live).toContain(name);
        const [first] = rows;
        if (first !== undefined) {
          expect(await clock.runUntil(rowsIn(replica, first.row))).toEqual(rows.slice(1));
        }
      }
    }),
    { numRuns: 60 },
  );
});
