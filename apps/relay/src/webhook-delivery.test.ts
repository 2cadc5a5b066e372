// Webhooks on a simulated log and clock: one process, two that live, and those that come and go.

import { createPublicKey, verify } from 'node:crypto';
import { Fault } from '@tidemark/ports';
import { textOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { Client, json, SimulatedCell, wakeOf, webhookBody } from './testing.ts';

const tick = 10;

async function startOne(): Promise<SimulatedCell & { readonly client: Client }> {
  const cell = new SimulatedCell();
  const client = new Client(await cell.start('one'));
  await client.put('sub', webhookBody);
  return Object.assign(cell, { client });
}

test('a stream that is found by its append is delivered from its beginning', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await clock.advance(tick);
  expect(receiver.received).toHaveLength(0);
  await client.append('events/a', '1', '2');
  await clock.advance(tick);
  expect(receiver.last).toMatchObject({
    subscription_id: 'sub',
    generation: 1,
    callback_url: 'http://127.0.0.1:4437/v1/stream/__ds/subscriptions/sub/callback',
    streams: [
      {
        path: 'events/a',
        link_type: 'glob',
        acked_offset: expect.stringMatching(/^0{16}_/),
        tail_offset: await client.tail('events/a'),
        has_pending: true,
      },
    ],
  });
});

test('a stream that was there before is linked at its tail', async () => {
  const cell = new SimulatedCell({ partitions: 4 });
  await using _ = cell;
  const client = new Client(await cell.start('one'));
  for (const name of ['events/a', 'events/b', 'events/c', 'other']) {
    await client.create(name);
    await client.append(name, '1');
  }
  await client.put('sub', { ...webhookBody, streams: ['other', 'absent'] });
  await cell.clock.advance(5_000);
  expect(cell.receiver.received).toHaveLength(0);
  const { streams } = await client.get('sub');
  expect(new Map(streams.map(({ path, link_type }) => [path, link_type]))).toEqual(
    new Map([
      ['absent', 'explicit'],
      ['events/a', 'glob'],
      ['events/b', 'glob'],
      ['events/c', 'glob'],
      ['other', 'explicit'],
    ]),
  );
  await client.append('events/b', '2');
  await cell.clock.advance(tick);
  expect(cell.receiver.last.streams.find(({ has_pending }) => has_pending)?.path).toBe('events/b');
  await client.create('absent');
});

test('done acknowledges what the wake named, and what came meanwhile wakes again', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  let isFirst = true;
  receiver.answer = async () => {
    if (isFirst) {
      isFirst = false;
      await client.append('events/a', '"meanwhile"');
    }
    return json({ done: true });
  };
  await client.append('events/a', '"first"');
  await clock.advance(tick);
  expect(receiver.generations).toEqual([1, 2]);
  const { streams } = await client.get('sub');
  expect(streams[0]?.acked_offset).toBe(await client.tail('events/a'));
  await clock.advance(60_000);
  expect(receiver.generations).toEqual([1, 2]);
});

test('two processes that live deliver each generation once', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  const other = new Client(await cell.start('two'));
  receiver.answer = () => json({ done: true });
  await client.create('events/a');
  for (let event = 0; event < 20; event += 1) {
    await (event % 2 === 0 ? client : other).append('events/a', String(event));
    await clock.advance(event % 3 === 0 ? 1_700 : 400);
  }
  await clock.advance(10_000);
  expect(new Set(receiver.generations).size).toBe(receiver.received.length);
  expect(new Set(receiver.received.map(({ by }) => by))).toEqual(new Set(['one']));
  const { streams } = await other.get('sub');
  expect(streams[0]?.acked_offset).toBe(await client.tail('events/a'));
});

test('two processes that find it pending at once: one is heard', async () => {
  const cell = new SimulatedCell();
  await using _ = cell;
  const gone = await cell.start('gone');
  await new Client(gone).put('sub', webhookBody);
  await new Client(gone).create('events/a');
  const [one] = [await cell.start('one'), await cell.start('two')];
  gone.crash();
  cell.receiver.answer = () => json({ done: true });
  // Neither acted last: both stand in at the same moment.
  await new Client(one).append('events/a', '1');
  await cell.clock.advance(30_000);
  expect(cell.receiver.generations).toEqual([1]);
});

test('another takes over after a crash once the lease has run out, and not before', async () => {
  const cell = new SimulatedCell();
  await using _ = cell;
  const one = await cell.start('one');
  const client = new Client(one);
  await client.put('sub', webhookBody);
  await client.create('events/a');
  const two = await cell.start('two');
  await client.append('events/a', '1');
  await cell.clock.advance(tick);
  expect(cell.receiver.received.map(({ by }) => by)).toEqual(['one']);
  one.crash();
  await cell.clock.advance(1_000 - tick);
  expect(cell.receiver.received).toHaveLength(1);
  await cell.clock.advance(1_500);
  expect(cell.receiver.received.map(({ by }) => by)).toEqual(['one', 'two']);
  expect(cell.receiver.generations).toEqual([1, 2]);
  const [first] = cell.receiver.received;
  if (first === undefined) throw new Error('nothing was received');
  const stale = new Client(two).ack('webhook', wakeOf(first.notification), { done: true });
  await expect(stale).rejects.toMatchObject({ code: 'FENCED' });
});

test('a failed delivery is tried again with the same wake, later each time', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  receiver.answer = () => json({}, 500);
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  expect((await client.get('sub')).status).toBe('failed');
  await clock.advance(780);
  expect(receiver.received).toHaveLength(1);
  await clock.advance(430);
  expect(receiver.received).toHaveLength(2);
  // A second within a fifth, then two: whatever was drawn.
  await clock.advance(1_150);
  expect(receiver.received).toHaveLength(2);
  await clock.advance(1_300);
  expect(receiver.received).toHaveLength(3);
  await clock.advance(10 * 60_000);
  const perMinute = receiver.received.length;
  await clock.advance(10 * 60_000);
  expect(receiver.received.length - perMinute).toBeGreaterThanOrEqual(8);
  expect(receiver.received.length - perMinute).toBeLessThanOrEqual(13);
  expect(new Set(receiver.generations)).toEqual(new Set([1]));
  receiver.answer = () => json({ done: true });
  await clock.advance(75_000);
  const { status, streams } = await client.get('sub');
  expect(status).toBe('active');
  expect(streams[0]?.acked_offset).toBe(await client.tail('events/a'));
});

test('a restart keeps to the time of the next attempt', async () => {
  const cell = new SimulatedCell();
  await using _ = cell;
  const one = await cell.start('one');
  const client = new Client(one);
  cell.receiver.answer = () => json({}, 503);
  await client.put('sub', webhookBody);
  await client.create('events/a');
  await client.append('events/a', '1');
  // Attempts at about 0, 1, 3, 7, 15 and 31 seconds: the next is due at about 63.
  await cell.clock.advance(40_000);
  const attempts = cell.receiver.received.length;
  await one[Symbol.asyncDispose]();
  await cell.clock.advance(1_000);
  const two = await cell.start('two');
  await cell.clock.advance(8_000);
  expect(cell.receiver.received).toHaveLength(attempts);
  expect((await new Client(two).get('sub')).status).toBe('failed');
  await cell.clock.advance(30_000);
  expect(cell.receiver.received).toHaveLength(attempts + 1);
  expect(cell.receiver.received.at(-1)?.by).toBe('two');
  expect(new Set(cell.receiver.generations)).toEqual(new Set([1]));
});

test.each([
  ['a redirect', () => json({}, 302)],
  ['a denied address', () => Promise.reject(new Fault('denied', 'denied', { effect: 'none' }))],
  ['no answer', () => Promise.reject(new Fault('unavailable', 'cut', { effect: 'unknown' }))],
])('%s is a failed delivery', async (_name, answer) => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  receiver.answer = answer;
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  expect(receiver.received).toHaveLength(1);
  expect((await client.get('sub')).status).toBe('failed');
});

test('an attempt ends before the lease that began with it', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  expect(receiver.received[0]?.request.timeoutMs).toBeLessThan(webhookBody.lease_ttl_ms);
});

test('a worker that never calls back loses its lease, and its token with it', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  const first = receiver.last;
  await clock.advance(900);
  expect(receiver.generations).toEqual([1]);
  await clock.advance(200);
  expect(receiver.generations).toEqual([1, 2]);
  const acks = [{ path: 'events/a', offset: await client.tail('events/a') }];
  const stale = client.ack('webhook', wakeOf(first), { acks, done: true });
  await expect(stale).rejects.toMatchObject({ code: 'FENCED' });
  expect((await client.get('sub')).streams[0]?.acked_offset).toMatch(/^0{16}_/);
});

test('callbacks keep the lease, and acknowledge step by step', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await client.append('events/a', '1', '2');
  await clock.advance(tick);
  const wake = wakeOf(receiver.last);
  for (let beat = 0; beat < 5; beat += 1) {
    await clock.advance(800);
    expect(await client.ack('webhook', wake)).toEqual({ ok: true, next_wake: false });
  }
  expect(receiver.generations).toEqual([1]);
  const tail = await client.tail('events/a');
  const half = tail.replace(/^\d{16}/, '0000000000000001');
  await client.ack('webhook', wake, { acks: [{ path: 'events/a', offset: half }] });
  expect((await client.get('sub')).streams[0]?.acked_offset).toBe(half);
  const over = { acks: [{ path: 'events/a', offset: half }], done: true };
  expect(await client.ack('webhook', wake, over)).toEqual({ ok: true, next_wake: true });
  await clock.advance(tick);
  expect(receiver.generations).toEqual([1, 2]);
});

test('a bad offset is refused, and nothing of the request is taken', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await client.create('events/b');
  await client.append('events/a', '1', '2');
  await client.append('events/b', '1');
  await clock.advance(tick);
  const wake = wakeOf(receiver.last);
  const tail = await client.tail('events/a');
  const beyond = tail.replace(/^\d{16}/, '0000000000000003');
  const elsewhere = await client.tail('events/b');
  for (const offset of [beyond, elsewhere, '-1', 'nonsense']) {
    const acks = [{ path: 'events/a', offset }];
    const asked = client.ack('webhook', wake, { acks, done: true });
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_OFFSET' });
  }
  const unlinked = [{ path: 'never', offset: tail }];
  await expect(client.ack('webhook', wake, { acks: unlinked })).rejects.toMatchObject({
    code: 'INVALID_OFFSET',
  });
  expect((await client.get('sub')).streams[0]?.acked_offset).toMatch(/^0{16}_/);
});

test('after a delete its callbacks fail, also once it is created again', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  const wake = wakeOf(receiver.last);
  await client.delete('sub');
  const acks = [{ path: 'events/a', offset: await client.tail('events/a') }];
  await expect(client.ack('webhook', wake, { acks })).rejects.toMatchObject({
    code: 'SUBSCRIPTION_NOT_FOUND',
  });
  await expect(client.get('sub')).rejects.toMatchObject({ code: 'SUBSCRIPTION_NOT_FOUND' });
  await client.put('sub', webhookBody);
  await expect(client.ack('webhook', wake, { acks })).rejects.toMatchObject({ code: 'FENCED' });
  await client.append('events/a', '2');
  await clock.advance(tick);
  expect(receiver.generations).toEqual([1, 2]);
});

test('a delivery under way outlives its subscription without a trace', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  receiver.answer = async ({ notification }) => {
    if (notification.generation > 1) return json({});
    await client.delete('sub');
    await client.put('sub', webhookBody);
    await client.append('events/a', '2');
    return json({ done: true });
  };
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(900);
  expect(receiver.generations).toEqual([1, 2]);
  expect((await client.get('sub')).streams[0]?.acked_offset).toMatch(/^0{15}1_/);
});

test('a token of another subscription, or of nobody, is refused', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  await client.put('other', webhookBody);
  await client.create('events/a');
  await client.append('events/a', '1');
  await clock.advance(tick);
  const wake = wakeOf(receiver.last);
  const id = wake.id === 'sub' ? 'other' : 'sub';
  const [header, payload, mac] = wake.token.split('.');
  const forged = [`${header}.${payload}x.${mac}`, `${header}.${payload}.`, 'nonsense', ''];
  for (const token of forged) {
    await expect(client.ack('webhook', { ...wake, token })).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    });
  }
  await expect(client.ack('webhook', { ...wake, id })).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
  });
  clock.jump(25 * 3_600_000);
  await expect(client.ack('webhook', wake)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
});

test('a stream that was deleted and created again is delivered from its beginning', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  receiver.answer = () => json({ done: true });
  await client.create('events/a');
  await client.append('events/a', '1', '2', '3');
  await clock.advance(tick);
  await client.deleteStream('events/a');
  await client.create('events/a');
  await client.append('events/a', '4');
  await clock.advance(tick);
  expect(receiver.generations).toEqual([1, 2]);
  expect(receiver.last.streams[0]?.acked_offset).toMatch(/^0{16}_/);
  const { streams } = await client.get('sub');
  expect(streams[0]?.acked_offset).toBe(await client.tail('events/a'));
});

test('a signature verifies by the published key, which every process and every restart has', async () => {
  const cell = new SimulatedCell();
  await using _ = cell;
  const one = await cell.start('one');
  const two = await cell.start('two');
  const client = new Client(one);
  await client.put('sub', webhookBody);
  await client.create('events/a');
  await client.append('events/a', '1');
  await cell.clock.advance(tick);
  const sent = cell.receiver.received[0]?.request;
  const header = sent?.headers['webhook-signature'] ?? '';
  const [, atSeconds, kid, signature = ''] =
    /^t=(\d+),kid=([^,]+),ed25519=([\w-]+)$/.exec(header) ?? [];
  const { all } = await two.relay.keys();
  const jwk = all.find((key) => key.kid === kid)?.jwk;
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  const signed = Buffer.from(`${atSeconds}.${textOf(sent?.body ?? new Uint8Array())}`);
  expect(verify(null, signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
  await one[Symbol.asyncDispose]();
  const three = await cell.start('three');
  expect((await three.relay.keys()).active.kid).toBe(kid);
});

test('once the server has keys, a webhook to its own machine is not delivered any more', async () => {
  const cell = new SimulatedCell();
  await using _ = cell;
  const one = await cell.start('one');
  await new Client(one).put('sub', webhookBody);
  await new Client(one).create('events/a');
  await one[Symbol.asyncDispose]();
  const two = await cell.start('two', { permitsLoopback: false });
  await new Client(two).append('events/a', '1');
  await cell.clock.advance(2_000);
  expect(cell.receiver.received).toHaveLength(0);
  expect((await new Client(two).get('sub')).status).toBe('failed');
});

test('a suspended tenant is told nothing, by whichever process, and all of it once it is resumed', async () => {
  await using cell = await startOne();
  const { client, clock, receiver } = cell;
  const other = await cell.start('two');
  const { registry, tenant } = other.base;
  await client.create('events/a');
  await registry.suspend(tenant.id, true);
  await clock.advance(tick);
  await client.append('events/a', '1');
  const late = await cell.start('three');
  await clock.advance(60_000);
  expect(receiver.received).toHaveLength(0);
  await late.base.registry.suspend(tenant.id, false);
  await clock.advance(100);
  expect(receiver.generations).toEqual([1]);
  await client.append('events/a', '2');
  await client.ack('webhook', wakeOf(receiver.last), { done: true });
  await clock.advance(100);
  expect(receiver.last).toMatchObject({ generation: 2 });
});
