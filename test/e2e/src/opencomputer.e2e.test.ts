// The vendor's own client, unmodified: only the address and the key are ours. What its runtime does is done
// here by a worker over plain HTTP.

import { connectSession, type Event, OpenComputer } from '@opencomputer/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { called, RunWorker, said } from './run-worker.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('opencomputer', { TIDEMARK_SEALING_KEY: 'sealed with this alone' });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const client = (): OpenComputer =>
  new OpenComputer({ apiKey: 'a-key-that-nobody-looks-at', baseUrl: `${server.url}/v3` });

const reviewer = {
  name: 'reviewer',
  runtime: 'claude',
  model: 'anthropic/claude-opus-4-8',
  prompt: 'Review the diff. Run tests. Explain risks.',
  credential: 'managed',
} as const;

/** What a follower hears, until something is heard. */
async function heardUntil(
  events: AsyncIterable<Event>,
  isLast: (event: Event) => boolean,
): Promise<Event[]> {
  const heard: Event[] = [];
  for await (const event of events) {
    heard.push(event);
    if (isLast(event)) return heard;
  }
  throw new Error('the stream ended');
}

const isCompleted = ({ type }: Event): boolean => type === 'turn.completed';

describe('the flow of its README', () => {
  test('an agent is made, a session started, followed, steered, and its result fetched', async () => {
    const oc = client();
    const agent = await oc.agents.create(reviewer);
    expect(agent).toMatchObject({ name: 'reviewer', revision: 1, runtime: 'claude' });
    const again = await oc.agents.create(reviewer);
    expect([again.id, again.revision]).toEqual([agent.id, 1]);

    const asked = {
      agent: agent.id,
      input: 'Review PR #42',
      metadata: { pullNumber: 42, nested: { camelCase: [1] } },
      idempotencyKey: 'delivery-1',
    };
    const session = await oc.sessions.create(asked);
    const repeated = await oc.sessions.create(asked);
    expect(repeated.id).toBe(session.id);
    expect(session.status).toBe('queued');
    expect(session.metadata).toEqual(asked.metadata);

    const stop = new AbortController();
    const following = heardUntil(
      session.events({ level: 'progress', signal: stop.signal }),
      isCompleted,
    );
    const worker = new RunWorker(server.url, 'worker-a');
    const turn = await worker.next();
    expect(turn.session.id).toBe(session.id);
    expect(turn.agent.system).toBe(reviewer.prompt);
    expect((await session.refresh()).status).toBe('running');
    await worker.report(turn, [
      called('call-1', 'bash', { command: 'npm test' }),
      { type: 'internal.note', body: { text: 'not for everybody' } },
    ]);
    await worker.report(turn, [
      { type: 'tool.result', body: { call_id: 'call-1', text: 'ok' } },
      {
        type: 'exec.completed',
        body: { command: 'npm test', exit_code: 0, summary: 'ok' },
      },
    ]);
    await worker.complete(turn, 'needs_input', { events: [said('Shall I merge?')] });
    const heard = await following;
    expect(heard.map(({ type }) => type)).toEqual([
      'user.message',
      'turn.started',
      'tool.call',
      'tool.result',
      'exec.completed',
      'agent.message',
      'turn.completed',
    ]);
    expect(heard.map(({ seq }) => seq)).toEqual([1, 2, 4, 6, 7, 8, 9]);
    expect(heard[4]?.body).toMatchObject({ exitCode: 0 });
    expect((await session.refresh()).status).toBe('awaiting_input');

    const steered = await session.steer('Yes', { idempotencyKey: 'yes-1' });
    expect(await session.steer('Yes', { idempotencyKey: 'yes-1' })).toEqual(steered);
    expect((await session.refresh()).status).toBe('queued');
    const second = await worker.next();
    expect(second.turn.input_from_seq).toBe(steered.seq);
    await worker.complete(second, 'completed', { events: [said('Merged.')] });
    expect((await session.refresh()).status).toBe('idle');
    expect(session.lastTurn).toMatchObject({ state: 'ok', yieldReason: 'completed' });
    const { result, lastTurn } = await session.result();
    expect(result?.body).toEqual({ text: 'Merged.' });
    expect(lastTurn?.resultEventId).toBe(result?.id);
    const { data: turns } = await session.turns();
    expect(turns.map(({ yieldReason }) => yieldReason)).toEqual(['completed', 'needs_input']);
    stop.abort();
  });

  test('a client token follows and steers its session, and opens nothing else', async () => {
    const oc = client();
    const agent = await oc.agents.create(reviewer);
    const session = await oc.sessions.create({ agent: agent.id, input: 'hello' });
    const token = session.clientToken ?? '';
    const browser = await connectSession({
      sessionId: session.id,
      clientToken: token,
      baseUrl: `${server.url}/v3`,
    });
    await browser.steer('and more');
    const { data } = await browser.messages();
    expect(data.map(({ body }) => body)).toEqual([{ text: 'hello' }, { text: 'and more' }]);
    const worker = new RunWorker(server.url, 'worker-b');
    const turn = await worker.next();
    expect(turn.turn.input_to_seq - turn.turn.input_from_seq).toBe(1);
    await worker.complete(turn, 'completed');
    await session.archive();
    expect((await session.refresh()).status).toBe('archived');
    await expect(session.steer('late')).rejects.toMatchObject({ status: 409 });
  });
});

test('what is made here is a session on every other surface', async () => {
  const oc = client();
  const agent = await oc.agents.create(reviewer);
  const session = await oc.sessions.create({ agent: agent.id, input: 'hello' });
  const seen = await fetch(`${server.url}/v1/sessions/${session.id}`);
  expect(await seen.json()).toMatchObject({ status: 'idle', agent: { id: agent.id } });
  const worker = new RunWorker(server.url, 'worker-c');
  const turn = await worker.next();
  await worker.complete(turn, 'completed', { events: [said('done')] });
  const events = await fetch(
    `${server.url}/v1/sessions/${session.id}/events?types[]=agent.message`,
  );
  expect(await events.json()).toMatchObject({
    data: [{ type: 'agent.message', content: [{ type: 'text', text: 'done' }] }],
  });
  await fetch(`${server.url}/v1/sessions/${session.id}/events`, {
    method: 'POST',
    body: JSON.stringify({ type: 'user.message', content: [{ type: 'text', text: 'from there' }] }),
  });
  expect((await session.refresh()).status).toBe('queued');
  const next = await worker.next();
  await worker.complete(next, 'completed');
  const stream = await fetch(`${server.url}/v1/stream/${session.id}`);
  expect(stream.status).toBe(200);
});

test('of a session that was trimmed, what is kept is listed, and the rest is told to be gone', async () => {
  const oc = client();
  const agent = await oc.agents.create(reviewer);
  const session = await oc.sessions.create({ agent: agent.id, input: 'one' });
  await session.steer('two');
  const three = await session.steer('three');
  const trimmed = await fetch(`${server.url}/v1/sessions/${session.id}/trim`, {
    method: 'POST',
    body: JSON.stringify({ before_seq: 2 }),
  });
  expect(trimmed.status).toBe(200);
  const { data } = await session.listEvents({});
  expect(data.map(({ seq }) => seq)).toEqual([three.seq]);
  await expect(session.listEvents({ after: 1 })).rejects.toMatchObject({ status: 410 });
  expect((await session.result()).result).toBe(null);
});
