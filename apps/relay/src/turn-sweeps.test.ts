// Turns that nobody ends, over simulated relays and one clock.

import type { SessionName } from '@tidemark/protocol';
import {
  decideCancelTurn,
  decideClaimTurn,
  type FactDecision,
  type Turns,
} from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RelayProcess, SimulatedCell } from './testing.ts';

const actor = { by: 'owner', requestId: 'request' };
const name = 'session' as SessionName;
let cell: SimulatedCell;
let one: RelayProcess;

beforeEach(async () => {
  cell = new SimulatedCell();
  one = await cell.start('one');
});
afterEach(async () => {
  await cell[Symbol.asyncDispose]();
});

const submit = ({ base }: RelayProcess, decide: FactDecision): Promise<unknown> =>
  base.writes.submit(base.tenant, name, { kind: 'fact', decide });

async function begin({ base }: RelayProcess, turnSeconds?: number): Promise<void> {
  const limits = turnSeconds === undefined ? {} : { turnSeconds };
  await base.writes.create(base.tenant, name, {
    contentType: 'application/json',
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    profile: { run: { limits, metadata: null, requestHash: 'hash' } },
    events: [bytesOf('{"type":"user.message"}')],
    types: ['user.message'],
  });
  const claim = decideClaimTurn({ turn: 'turn', worker: 'worker', leaseMs: 30_000 }, actor);
  await submit(one, claim);
}

async function turnsOf({ base }: RelayProcess): Promise<Turns | undefined> {
  const { replica, key } = base.shards.locate(base.tenant, name);
  await replica.readIndex();
  return replica.with(key, ({ state }) => state.stream?.aspects.turns);
}

describe('a turn whose worker says nothing', () => {
  test.each([
    [10, 10_000],
    [undefined, 1_800_000],
  ])('with %s seconds is ended when they are over', async (seconds, endsMs) => {
    await begin(one, seconds);
    await cell.clock.advance(endsMs - 100);
    expect((await turnsOf(one))?.running?.id).toBe('turn');
    await cell.clock.advance(1_000);
    expect((await turnsOf(one))?.ended).toMatchObject([{ reason: 'deadline_exceeded' }]);
  });

  test('and which was to stop is ended 5 s later', async () => {
    await begin(one);
    await submit(one, decideCancelTurn(actor));
    await cell.clock.advance(4_900);
    expect((await turnsOf(one))?.ended).toEqual([]);
    await cell.clock.advance(1_000);
    expect((await turnsOf(one))?.ended).toMatchObject([{ reason: 'canceled' }]);
  });

  test('is ended once, by relays that were there and by one that came later', async () => {
    await begin(one, 60);
    await cell.start('other');
    one.crash();
    const late = await cell.start('late');
    await cell.clock.advance(70_000);
    const turns = await turnsOf(late);
    expect(turns?.ended).toMatchObject([{ reason: 'deadline_exceeded' }]);
    expect(turns?.running).toBeUndefined();
  });
});
