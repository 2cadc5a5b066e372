import type { SessionName } from '@tidemark/protocol';
import { expect, test } from 'vitest';
import { debtDefaults } from './debts.ts';
import { plain, type SimulatedProcess, startInstant } from './testing.ts';

const [source, fork] = ['source', 'fork'] as SessionName[] as [SessionName, SessionName];

const stateOf = ({ shards, tenant }: SimulatedProcess, name: string) => {
  const { replica, key } = shards.locate(tenant, name);
  return replica.fold.table.resident(key)?.state;
};

test('a fork that expires gives its reference back, whoever wrote the expiry', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant, clock } = process;
  await writes.create(tenant, source, plain);
  const point = { source, offset: undefined, subOffset: 0 };
  await writes.create(tenant, fork, { ...plain, ttlMs: 1_000, fork: point });
  await writes.delete(tenant, source);
  expect(stateOf(process, source)?.life).toBe('gone');
  await clock.advance(2_000);
  await writes.submit(tenant, fork, { kind: 'expire' }).catch(() => undefined);
  expect(stateOf(process, fork)?.owed).toHaveLength(1);
  await clock.advance(debtDefaults.payAfterMs);
  expect(stateOf(process, fork)?.owed).toEqual([]);
  expect(stateOf(process, source)?.life).toBe('absent');
});

test('a delete that stands is not denied by a debt that cannot be paid yet', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant, clock, simulated } = process;
  await writes.create(tenant, source, plain);
  await writes.create(tenant, fork, {
    ...plain,
    fork: { source, offset: undefined, subOffset: 0 },
  });
  let appends = 0;
  simulated.setFaults((call) => {
    if (call === 'append') appends += 1;
    return call === 'append' && appends > 1 ? 'before' : undefined;
  });
  await clock.runUntil(writes.delete(tenant, fork));
  expect(stateOf(process, fork)).toMatchObject({ life: 'absent', owed: [{ source }] });
  simulated.setFaults();
  await clock.advance(2 * debtDefaults.payAfterMs);
  expect(stateOf(process, fork)?.owed).toEqual([]);
  expect(stateOf(process, source)?.stream?.refs.size).toBe(0);
});

test('a reference whose fork was never created is cleared, whoever wrote it', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant, clock } = process;
  await writes.create(tenant, source, plain);
  const incarnation = stateOf(process, source)?.stream?.incarnation ?? '';
  const ref = { kind: 'ref', fork, forkIncarnation: 'given-up', incarnation } as const;
  await writes.submit(tenant, source, ref);
  expect(stateOf(process, source)?.stream?.refs.size).toBe(1);
  await clock.advance(debtDefaults.abandonAfterMs + 1);
  expect(stateOf(process, source)?.stream?.refs.size).toBe(0);
  expect(stateOf(process, fork)?.burned).toEqual(['given-up']);
});
