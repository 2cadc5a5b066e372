// What stands is not denied: a fact that is in the log is answered for, though nobody can ask the log
// for anything behind it.

import { expect, test } from 'vitest';
import { Client, pullBody, SimulatedCell, webhookBody } from './testing.ts';

/** From the next record on, the log takes records and answers no questions. */
function answerNothingBehindTheFact({ log }: SimulatedCell): void {
  let hasAppended = false;
  log.setFaults((call) => {
    if (call === 'append') hasAppended = true;
    return call === 'bounds' && hasAppended ? 'before' : undefined;
  });
}

async function start(): Promise<SimulatedCell & { readonly client: Client }> {
  const cell = new SimulatedCell();
  const client = new Client(await cell.start('one'));
  await client.create('wake/pool');
  await client.create('events/a');
  return Object.assign(cell, { client });
}

test.each([pullBody, webhookBody])('a subscription that was created is described', async (body) => {
  await using cell = await start();
  await cell.client.put('warm', { ...body, pattern: 'other/*' });
  answerNothingBehindTheFact(cell);
  expect(await cell.client.put('sub', body)).toMatchObject({ isNew: true, body: { id: 'sub' } });
});

test('a claim that finds no key for its token has claimed nothing', async () => {
  await using cell = await start();
  const { client, log } = cell;
  await client.put('sub', pullBody);
  await client.append('events/a', '1');
  answerNothingBehindTheFact(cell);
  await expect(client.claim('sub', 'w')).rejects.toMatchObject({ code: 'unavailable' });
  log.setFaults();
  expect(await client.claim('sub', 'other')).toMatchObject({ generation: 1 });
});

test('an ack that stands is answered, with what is known to be pending', async () => {
  await using cell = await start();
  const { client } = cell;
  await client.put('sub', pullBody);
  await client.append('events/a', '1');
  const { token, generation, wake_id: wakeId } = await client.claim('sub', 'w');
  answerNothingBehindTheFact(cell);
  const wake = { id: 'sub', token, generation, wakeId };
  const acked = client.ack('pull-wake', wake, { done: true });
  expect(await acked).toEqual({ ok: true, next_wake: true });
});

test('a subscription that is created while it is deleted has its streams', async () => {
  await using cell = new SimulatedCell({ instant: false });
  const { clock, prng } = cell;
  const client = new Client(await cell.start('one'));
  const { pattern: _, ...unpatterned } = pullBody;
  const body = { ...unpatterned, streams: ['events/a'] };
  await clock.runUntil(client.create('events/a'));
  for (let round = 0; round < 20; round += 1) {
    await clock.runUntil(client.put('sub', body));
    const deleting = client.delete('sub');
    await clock.advance(prng.below(3));
    await clock.runUntil(Promise.allSettled([client.put('sub', body), deleting]));
    await clock.runUntil(client.put('sub', body));
    const { streams } = await clock.runUntil(client.get('sub'));
    expect(streams).toMatchObject([{ path: 'events/a', link_type: 'explicit' }]);
  }
  await clock.advance(5_000);
});
