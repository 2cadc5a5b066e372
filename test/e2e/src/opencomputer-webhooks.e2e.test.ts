// Deliveries of a session's events to real receivers, verified by the vendor's client and by the package
// of Standard Webhooks.

import { type Delivery, OpenComputer, type Session, verifyWebhook } from '@opencomputer/sdk';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { payloadOf, WebhookReceiver } from './opencomputer-receiver.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { RunWorker, said } from './run-worker.ts';

let server: OwnServer;
let receiver: WebhookReceiver;

beforeAll(async () => {
  server = await startOwnServer('webhooks', { TIDEMARK_SEALING_KEY: 'sealed with this alone' });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  receiver = await new WebhookReceiver().listen();
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
});

const client = (): OpenComputer =>
  new OpenComputer({ apiKey: 'a-key-that-nobody-looks-at', baseUrl: `${server.url}/v3` });

const secretOf = (text: string): string => `whsec_${Buffer.from(text).toString('base64')}`;

async function begin(more: object): Promise<Session> {
  const oc = client();
  const agent = await oc.agents.create({
    name: 'hooked',
    model: 'anthropic/claude-opus-4-8',
    prompt: 'Do it.',
    credential: 'managed',
  });
  return oc.sessions.create({ agent: agent.id, input: 'Do it', ...more });
}

/** A turn of a session, with what its agent says and does. */
async function runTurn(session: Session, events: readonly object[]): Promise<void> {
  const worker = new RunWorker(server.url, 'worker');
  const turn = await worker.next({ session: session.id });
  await worker.complete(turn, 'completed', { events });
}

/** Once each of a session's deliveries is as it should be. */
async function settled(
  session: Session,
  isSo: (deliveries: readonly Delivery[]) => boolean,
): Promise<readonly Delivery[]> {
  for (;;) {
    const deliveries = await session.deliveries.list();
    if (isSo(deliveries)) return deliveries;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a destination of a session', () => {
  test('gets what it wants, signed, with the metadata of the session', async () => {
    const secret = secretOf('a secret of twenty-four bytes');
    const metadata = { pullNumber: 42, nested: { keepCase: true } };
    const session = await begin({
      metadata,
      destinations: [{ url: `${receiver.url}/hook`, level: 'user', secret }],
    });
    await runTurn(session, [
      { type: 'exec.completed', body: { command: 'npm test', exit_code: 0 } },
      said('Done.'),
    ]);
    await receiver.until((received) => received.length === 3);
    const types = receiver.received.map((hook) => payloadOf(hook).type);
    expect(types).toEqual(['user.message', 'agent.message', 'turn.completed']);
    for (const hook of receiver.received) {
      const headers = hook.headers as Record<string, string>;
      expect(new Webhook(secret).verify(hook.body, headers)).toBeDefined();
      const told = await verifyWebhook(hook.body, headers, secret);
      expect(told).toMatchObject({ sessionId: session.id, metadata });
      expect(told.dedupeId).toBe(headers['webhook-id']);
      expect((await session.deliveries.get(told.deliveryId ?? '')).eventId).toBe(told.eventId);
      expect((await session.event(told.eventId)).seq).toBe(told.event.seq);
      const isOthers = verifyWebhook(hook.body, headers, secretOf('another'));
      await expect(isOthers).rejects.toThrow('no matching webhook signature');
    }
    const deliveries = await settled(session, (all) =>
      all.every(({ status }) => status === 'delivered'),
    );
    expect(deliveries.map(({ attempts, responseCode }) => [attempts, responseCode])).toEqual(
      deliveries.map(() => [1, 200]),
    );
    const [stored] = await session.destinations.list();
    expect(stored).toMatchObject({ hasSecret: true, level: 'user' });
    expect(JSON.stringify(stored)).not.toContain(secret);
  });

  test('signs with both secrets while one is exchanged for the other', async () => {
    const [before, after] = [
      secretOf('the first of the secrets'),
      secretOf('the second one of them'),
    ];
    const session = await begin({});
    const made = await session.destinations.create({
      url: `${receiver.url}/hook`,
      types: ['user.message'],
      secret: before,
    });
    await session.destinations.update(made.id, { secret: after });
    await session.steer('hello');
    await receiver.until((received) => received.length === 1);
    const [{ body, headers } = { body: '', headers: {} }] = receiver.received;
    for (const secret of [before, after]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toBeDefined();
    }
    expect(payloadOf({ path: '', body, headers }).event.body).toEqual({ text: 'hello' });
  });

  test('is paused, goes on with what it missed, and may have all of it again', async () => {
    const session = await begin({});
    const { id } = await session.destinations.create({ url: `${receiver.url}/hook` });
    await session.destinations.update(id, { enabled: false });
    await session.steer('one');
    await session.steer('two');
    await session.destinations.update(id, { enabled: true });
    await receiver.until((received) => received.length === 2);
    const seqs = receiver.received.map((hook) => payloadOf(hook).event.seq);
    expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
    const [last] = (await settled(session, (all) => all.length === 2)).slice(-1);
    await session.deliveries.redeliver(last?.id ?? '');
    await receiver.until((received) => received.length === 3);
    const path = `${server.url}/v3/sessions/${session.id}/destinations/${id}/redeliver`;
    await settled(session, (all) => all.every(({ status }) => status === 'delivered'));
    const again = await fetch(path, {
      method: 'POST',
      body: JSON.stringify({ from_seq: seqs[0], to_seq: seqs[1] }),
    });
    expect(await again.json()).toEqual({ redelivered: 2 });
    await receiver.until((received) => received.length === 5);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(2);
    await session.destinations.delete(id);
    expect(await session.destinations.list()).toEqual([]);
  });

  test('is tried again after five seconds, under the same id', async () => {
    receiver.answer = (_, reply) => {
      reply.statusCode = receiver.received.length === 1 ? 500 : 204;
      reply.end();
    };
    const session = await begin({ webhook: `${receiver.url}/hook` });
    const failed = await settled(session, (all) => all.length === 1);
    expect(failed[0]).toMatchObject({ status: 'failed', responseCode: 500, error: 'status 500' });
    await receiver.until((received) => received.length === 2);
    const [first, second] = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(second).toBe(first);
    await settled(session, ([one]) => one?.status === 'delivered' && one.attempts === 2);
  });

  test('gets a large body as a beginning and where the rest is', async () => {
    const session = await begin({ destinations: [{ url: receiver.url, types: ['agent.*'] }] });
    const text = 'x'.repeat(100_000);
    await runTurn(session, [said(text)]);
    await receiver.until((received) => received.length === 1);
    const [{ body } = { body: '' }] = receiver.received;
    expect(body.length).toBeLessThan(40_000);
    const { event } = JSON.parse(body) as { event: { id: string; content_ref: string } };
    expect(event.content_ref).toContain(event.id);
    const whole = await fetch(`${server.url}${event.content_ref}`);
    expect(await whole.text()).toBe(text);
  });

  test.each([
    'https://10.0.0.1/hook',
    'https://metadata.internal/',
    'https://[::1]/',
    'http://example.com/hook',
    'ftp://example.com/',
  ])('is refused at %s', async (url) => {
    const session = await begin({});
    await expect(session.destinations.create({ url })).rejects.toMatchObject({ status: 400 });
  });
});

describe('a destination of a tenant', () => {
  test('gets the events of each session that is made while it is there', async () => {
    const path = `${server.url}/v3/destinations`;
    const send = (to: string, method: string, body?: object): Promise<Response> =>
      fetch(to, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const made = await send(path, 'POST', { url: `${receiver.url}/all`, types: ['user.message'] });
    const { id } = (await made.json()) as { id: string };
    const first = await begin({ input: 'one' });
    await receiver.until((received) => received.length === 1);
    await send(`${path}/${id}`, 'PATCH', { enabled: false });
    await first.steer('two');
    const second = await begin({ input: 'three' });
    await send(`${path}/${id}`, 'PATCH', { url: `${receiver.url}/moved`, enabled: true });
    await receiver.until(() => receiver.at('/moved').length === 2);
    const told = receiver.at('/moved').map((hook) => payloadOf(hook).sessionId);
    expect(new Set(told)).toEqual(new Set([first.id, second.id]));
    const [delivery] = await settled(second, (all) => all.length === 1);
    expect(delivery).toMatchObject({ destination: id });
    expect(await second.destinations.list()).toEqual([]);
    expect((await send(`${path}/${id}`, 'DELETE')).status).toBe(204);
    expect(await (await fetch(path)).json()).toEqual({ data: [] });
  });
});
