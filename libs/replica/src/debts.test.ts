import type { SessionName } from '@tidemark/protocol';
import { ForkRefs } from '@tidemark/session/testing';
import { expect, test, vi } from 'vitest';
import { debtDefaults } from './debts.ts';
import { append, plain, type SimulatedProcess, startInstant } from './testing.ts';

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

test('a source looks for forks that were given up when one is made, not when it is appended to', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant, clock } = process;
  await writes.create(tenant, source, plain);
  for (const name of ['f1', 'f2', 'f3'] as SessionName[]) {
    await writes.create(tenant, name, {
      ...plain,
      fork: { source, offset: undefined, subOffset: 0 },
    });
  }
  await clock.advance(2 * debtDefaults.abandonAfterMs + 1);
  const looks = vi.spyOn(ForkRefs.prototype, Symbol.iterator);
  for (let index = 0; index < 10; index += 1) {
    await Promise.all([
      writes.append(tenant, source, append('1')),
      writes.append(tenant, source, append('2')),
    ]);
    await clock.advance(debtDefaults.abandonAfterMs);
  }
  expect(looks).not.toHaveBeenCalled();
  looks.mockRestore();
  expect(stateOf(process, source)?.stream?.refs.size).toBe(3);
});

test('a debt that cannot be paid is tried again, never later than its ceiling after the last time', async () => {
  const process = await startInstant({ partitions: 4 });
  const { writes, tenant, clock, simulated } = process;
  await writes.create(tenant, source, plain);
  const point = { source, offset: undefined, subOffset: 0 };
  await writes.create(tenant, fork, { ...plain, fork: point });
  await writes.submit(tenant, fork, { kind: 'delete' });
  simulated.setFaults((call) => (call === 'append' ? 'before' : undefined));
  // Long enough for a wait that doubles without end to be hours.
  await clock.advance(6 * 3_600_000);
  expect(stateOf(process, fork)?.owed).toHaveLength(1);
  simulated.setFaults();
  await clock.advance(debtDefaults.againAfterMsMax + 60_000);
  expect(stateOf(process, fork)?.owed).toEqual([]);
});
