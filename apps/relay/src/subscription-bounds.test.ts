// What the subscriptions of a tenant may make a process remember.

import { limits } from '@tidemark/protocol';
import { expect, test } from 'vitest';
import type { RelayOptions } from './relay.ts';
import { Client, json, SimulatedCell, webhookBody } from './testing.ts';

const streamCount = 300;
const names = Array.from({ length: streamCount }, (_, index) => `events/${index}`);

async function startOne(options: Partial<RelayOptions> = {}) {
  const cell = new SimulatedCell({ partitions: 2 });
  const process = await cell.start('one', options);
  const client = new Client(process);
  const { tenant } = process.base;
  const candidateCount = async (): Promise<number> =>
    (await process.relay.subscriptionsOf(tenant)).candidateCount;
  return Object.assign(cell, { client, candidateCount });
}

test.each([{ pattern: 'events/*' }, { pattern: undefined, streams: names }])(
  'streams that there is no room to remember are delivered all the same, %j',
  async (asked) => {
    await using cell = await startOne({ candidates: { sharedMax: 20, ownMin: 10 } });
    const { client, receiver, clock } = cell;
    for (const name of names) await client.create(name);
    await client.put('sub', { ...webhookBody, ...asked });
    receiver.answer = () => json({}, 503);
    for (const name of names) await client.append(name, '1');
    expect(await cell.candidateCount()).toBeLessThanOrEqual(20);
    receiver.answer = () => json({ done: true });
    await clock.advance(600_000);
    const told = new Set(
      receiver.received.flatMap(({ notification: { streams } }) =>
        streams.filter(({ has_pending }) => has_pending).map(({ path }) => path),
      ),
    );
    expect([...told].sort()).toEqual([...names].sort());
    const count = receiver.received.length;
    await clock.advance(60_000);
    expect(receiver.received).toHaveLength(count);
  },
);

test('what others have taken leaves a subscription its own share', async () => {
  await using cell = await startOne({ candidates: { sharedMax: 20, ownMin: 3 } });
  const { client, receiver, clock } = cell;
  receiver.answer = () => json({}, 503);
  for (const id of ['a', 'b', 'c', 'd']) await client.put(id, webhookBody);
  for (const name of names) {
    await client.create(name);
    await client.append(name, '1');
  }
  expect(await cell.candidateCount()).toBeLessThanOrEqual(20 + 3 * 3);
  await clock.advance(1_000);
  const woken = new Set(receiver.received.map(({ notification }) => notification.subscription_id));
  expect([...woken].sort()).toEqual(['a', 'b', 'c', 'd']);
});

test('of the streams that a pattern takes, those with nothing pending are not remembered', async () => {
  await using cell = await startOne();
  const { client } = cell;
  for (const name of names) await client.create(name);
  await client.put('sub', webhookBody);
  await client.get('sub');
  expect(await cell.candidateCount()).toBe(0);
});

test('a tenant has so many subscriptions, and may exchange them', async () => {
  await using cell = await startOne();
  const { client } = cell;
  const put = (index: number): Promise<unknown> => client.put(`s${index}`, webhookBody);
  const indices = Array.from({ length: limits.subscriptionsMax + 5 }, (_, index) => index);
  const made = await Promise.allSettled(indices.map(put));
  const refused = made.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(5);
  await expect(put(limits.subscriptionsMax + 5)).rejects.toMatchObject({
    code: 'TOO_MANY_SUBSCRIPTIONS',
    status: 409,
  });
  expect(await put(0)).toMatchObject({ isNew: false });
  await client.delete('s0');
  expect(await put(limits.subscriptionsMax + 5)).toMatchObject({ isNew: true });
});
