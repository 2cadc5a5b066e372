import { expect, test } from 'vitest';
import { Client, pullBody, SimulatedCell } from './testing.ts';

const tick = 10;

async function startOne(): Promise<SimulatedCell & { readonly client: Client }> {
  const cell = new SimulatedCell();
  const client = new Client(await cell.start('one'));
  await client.create('wake/pool');
  await client.put('sub', pullBody);
  await client.create('events/a');
  return Object.assign(cell, { client });
}

const held = (claim: { wake_id: string; generation: number; token: string }) => ({
  id: 'sub',
  wakeId: claim.wake_id,
  generation: claim.generation,
  token: claim.token,
});

test('a wake is one event in the wake stream, however many processes follow', async () => {
  await using cell = await startOne();
  const { client, clock } = cell;
  await cell.start('two');
  await client.append('events/a', '1');
  await clock.advance(10_000);
  await client.append('events/a', '2');
  await clock.advance(10_000);
  expect(await client.events('wake/pool')).toEqual([
    {
      type: 'wake',
      subscription_id: 'sub',
      stream: 'events/a',
      generation: 1,
      ts: expect.any(Number),
    },
  ]);
});

test('a wake stream that is created late gets the wake that waits', async () => {
  await using cell = new SimulatedCell();
  const client = new Client(await cell.start('one'));
  await client.put('sub', pullBody);
  await client.create('events/a');
  await client.append('events/a', '1');
  await cell.clock.advance(60_000);
  await client.create('wake/pool');
  await cell.clock.advance(tick);
  expect(await client.events('wake/pool')).toHaveLength(1);
});

test('another process writes the event that a crash left out', async () => {
  await using cell = new SimulatedCell();
  const one = await cell.start('one');
  const client = new Client(one);
  await client.put('sub', pullBody);
  await client.create('events/a');
  await client.append('events/a', '1');
  await cell.clock.advance(tick);
  one.crash();
  const two = new Client(await cell.start('two'));
  await two.create('wake/pool');
  await cell.clock.advance(5_000);
  expect(await two.events('wake/pool')).toMatchObject([{ subscription_id: 'sub', generation: 1 }]);
});

test('a claim after an append needs no wake to be seen first', async () => {
  await using cell = await startOne();
  const { client } = cell;
  await expect(client.claim('sub', 'w1')).rejects.toMatchObject({ code: 'NO_PENDING_WORK' });
  await client.append('events/a', '1');
  const claim = await client.claim('sub', 'w1');
  expect(claim.streams).toMatchObject([{ path: 'events/a', has_pending: true }]);
  await expect(client.claim('sub', 'w2')).rejects.toMatchObject({
    code: 'ALREADY_CLAIMED',
    facts: { current_holder: 'w1', generation: claim.generation },
  });
});

test('acks keep the claim, done ends it, and a late one is fenced', async () => {
  await using cell = await startOne();
  const { client, clock } = cell;
  await client.append('events/a', '1');
  const claim = held(await client.claim('sub', 'w1'));
  for (let beat = 0; beat < 4; beat += 1) {
    await clock.advance(800);
    expect(await client.ack('pull-wake', claim)).toEqual({ ok: true, next_wake: false });
  }
  const acks = [{ path: 'events/a', offset: await client.tail('events/a') }];
  expect(await client.ack('pull-wake', claim, { acks, done: true })).toEqual({
    ok: true,
    next_wake: false,
  });
  await expect(client.ack('pull-wake', claim, { acks })).rejects.toMatchObject({ code: 'FENCED' });
});

test('a worker may acknowledge what came after its claim', async () => {
  await using cell = await startOne();
  const { client } = cell;
  await client.append('events/a', '1');
  const claim = held(await client.claim('sub', 'w1'));
  await client.append('events/a', '2');
  const acks = [{ path: 'events/a', offset: await client.tail('events/a') }];
  expect(await client.ack('pull-wake', claim, { acks, done: true })).toEqual({
    ok: true,
    next_wake: false,
  });
});

test('a release with work left writes another wake', async () => {
  await using cell = await startOne();
  const { client, clock } = cell;
  await client.append('events/a', '1');
  await clock.advance(tick);
  const claim = await client.claim('sub', 'w1');
  await client.release(held(claim));
  await clock.advance(tick);
  expect((await client.events('wake/pool')).map(({ generation }) => generation)).toEqual([1, 2]);
});

test('a worker that falls silent loses its claim to whoever asks next', async () => {
  await using cell = await startOne();
  const { client, clock } = cell;
  await client.append('events/a', '1');
  await clock.advance(tick);
  const first = held(await client.claim('sub', 'w1'));
  await clock.advance(900);
  await expect(client.claim('sub', 'w2')).rejects.toMatchObject({ code: 'ALREADY_CLAIMED' });
  await clock.advance(200);
  const second = await client.claim('sub', 'w2');
  expect(second.generation).toBe(2);
  await expect(client.ack('pull-wake', first)).rejects.toMatchObject({ code: 'FENCED' });
});

test('a claim, an ack and a release belong to pull-wake alone', async () => {
  await using cell = await startOne();
  const { client } = cell;
  await client.append('events/a', '1');
  const claim = held(await client.claim('sub', 'w1'));
  await expect(client.ack('webhook', claim)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});

test('a lease begins with its claim, though an append is folded before it', async () => {
  await using cell = new SimulatedCell({ instant: false });
  const { clock, prng } = cell;
  const client = new Client(await cell.start('one'));
  const prepare = async (): Promise<void> => {
    await client.create('wake/pool');
    await client.put('sub', pullBody);
    for (const name of ['events/a', 'events/b']) await client.create(name);
    await client.append('events/a', '1');
  };
  await clock.runUntil(prepare());
  for (let round = 0; round < 20; round += 1) {
    await clock.advance(5_000);
    const claiming = client.claim('sub', 'w');
    await clock.advance(prng.below(4));
    const appends = [client.append('events/b', '2'), client.append('events/a', '3')];
    await clock.runUntil(Promise.all([claiming, ...appends]));
    await clock.advance(pullBody.lease_ttl_ms / 2);
    const acked = client.ack('pull-wake', held(await claiming), { done: true });
    expect(await clock.runUntil(acked)).toMatchObject({ ok: true });
  }
  await clock.advance(5_000);
});
