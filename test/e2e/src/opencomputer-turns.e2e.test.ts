// How turns end, by the vendor's client and workers over plain HTTP: every reason once, by whoever finds it.

import { OpenComputer, type Session } from '@opencomputer/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { type Claimed, called, type Held, RunWorker, said } from './run-worker.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('turns');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function begin(limits: object = {}): Promise<Session> {
  const oc = new OpenComputer({ apiKey: 'any', baseUrl: `${server.url}/v3` });
  const agent = await oc.agents.create({
    name: 'turned',
    model: 'anthropic/claude-opus-4-8',
    prompt: 'Do it.',
    credential: 'managed',
  });
  return oc.sessions.create({ agent: agent.id, input: 'Do it', limits });
}

const worker = (name = 'worker'): RunWorker => new RunWorker(server.url, name);

const claimOf = ({ id }: Session, name?: string, more: object = {}): Promise<Claimed> =>
  worker(name).next({ session: id, ...more });

/** Once the session has no turn any more. */
async function ended(session: Session): Promise<Session> {
  for (;;) {
    await session.refresh();
    if (session.lastTurn !== undefined && session.lastTurn?.state !== 'running') return session;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const heldIn = ({ body }: { readonly body: unknown }): Held => body as Held;
const used = (tokens: number): object => ({
  type: 'model.request',
  body: { input_tokens: tokens, output_tokens: 0 },
});

/** What stands of calls and results, in order. */
async function callsOf(session: Session): Promise<readonly object[]> {
  const { data } = await session.listEvents({ type: 'tool.call,tool.result' });
  return data.map(({ type, body }) => {
    const { callId, isError = false } = body as { callId: string; isError?: boolean };
    return { type, callId, isError };
  });
}

describe('a turn ends with', () => {
  test('completed, needs_input and error, as its worker says', async () => {
    const session = await begin();
    const statuses = { needs_input: 'awaiting_input', error: 'failed', completed: 'idle' };
    for (const [outcome, status] of Object.entries(statuses)) {
      const turn = await claimOf(session);
      await worker().complete(turn, outcome, { events: [said(outcome)], error: 'as it says' });
      await session.refresh();
      expect([session.status, session.lastTurn?.yieldReason]).toEqual([status, outcome]);
      await session.steer('go on');
    }
  });

  test('budget_exceeded, with the report that reached it', async () => {
    const session = await begin({ tokens: 100 });
    const turn = await claimOf(session);
    expect(heldIn(await worker().report(turn, [used(99)])).is_over).toBe(false);
    const last = heldIn(await worker().report(turn, [called('c', 'bash'), used(1)]));
    expect([last.is_over, last.yield_reason]).toEqual([true, 'budget_exceeded']);
    expect((await worker().report(turn, [said('more')])).status).toBe(409);
    expect(await callsOf(session)).toEqual([
      { type: 'tool.call', callId: 'c', isError: false },
      { type: 'tool.result', callId: 'c', isError: true },
    ]);
  });

  test('max_turns, with the last request to the model that it may make', async () => {
    const session = await begin({ turns: 2 });
    const turn = await claimOf(session);
    expect(heldIn(await worker().report(turn, [used(1)])).is_over).toBe(false);
    const last = heldIn(await worker().report(turn, [used(1)]));
    expect(last.yield_reason).toBe('max_turns');
  });

  test('deadline_exceeded, though its worker says nothing any more', async () => {
    const session = await begin({ turnSeconds: 1 });
    const turn = await claimOf(session);
    await worker().report(turn, [called('c', 'bash')]);
    expect((await ended(session)).lastTurn?.yieldReason).toBe('deadline_exceeded');
    expect((await callsOf(session)).at(-1)).toMatchObject({ type: 'tool.result', isError: true });
  });

  test('canceled, by a worker that was asked to stop', async () => {
    const session = await begin();
    const turn = await claimOf(session);
    await session.cancel();
    const asked = heldIn(await worker().report(turn, []));
    expect([asked.cancel_requested, asked.is_over]).toEqual([true, false]);
    await worker().complete(turn, 'canceled');
    expect((await ended(session)).lastTurn?.yieldReason).toBe('canceled');
    expect(session.status).toBe('idle');
  });

  test('canceled, by nobody, where its worker does not stop', async () => {
    const session = await begin();
    const turn = await claimOf(session);
    await worker().report(turn, [called('c', 'bash')]);
    await session.cancel();
    expect((await ended(session)).lastTurn?.yieldReason).toBe('canceled');
    const late = await worker().complete(turn, 'completed', { events: [said('late')] });
    expect(heldIn(late).yield_reason).toBe('canceled');
    expect((await callsOf(session)).at(-1)).toMatchObject({ type: 'tool.result', isError: true });
  });

  test('canceled, where its session is archived', async () => {
    const session = await begin();
    const turn = await claimOf(session);
    await session.archive();
    expect((await worker().report(turn, [said('late')])).status).toBe(409);
    expect((await session.refresh()).status).toBe('archived');
  });
});

describe('what is said', () => {
  test('while a turn runs is taken into it, or by the next one', async () => {
    const session = await begin();
    const first = await claimOf(session);
    await session.steer('one');
    await session.steer('two');
    const told = heldIn(await worker().report(first, []));
    expect([told.has_new_input, told.input_to_seq]).toEqual([true, 1]);
    const taken = heldIn(await worker().report(first, [], { take_inputs: true }));
    expect(taken.has_new_input).toBe(false);
    await session.steer('three');
    await session.steer('four');
    await worker().complete(first, 'completed');
    const { data } = await session.listEvents({ type: 'user.message' });
    const seqs = data.map(({ seq }) => seq);
    expect(taken.input_to_seq).toBe(seqs[2]);
    const second = await claimOf(session);
    expect([second.turn.input_from_seq, second.turn.input_to_seq]).toEqual(seqs.slice(3));
    await worker().complete(second, 'completed');
    expect((await session.refresh()).status).toBe('idle');
  });
});

test('a worker that is lost has its turn taken over, its calls settled, and nothing to say any more', async () => {
  const session = await begin();
  const lost = await claimOf(session, 'lost', { lease_seconds: 1 });
  await worker().report(lost, [said('one'), called('c', 'bash')]);
  const next = await claimOf(session, 'next');
  expect([next.turn.id, next.turn.generation]).toEqual([lost.turn.id, lost.turn.generation + 1]);
  expect((await worker().report(lost, [said('late')])).status).toBe(409);
  expect((await worker().complete(lost, 'completed')).status).toBe(409);
  expect((await callsOf(session)).at(-1)).toEqual({
    type: 'tool.result',
    callId: 'c',
    isError: true,
  });
  await worker().complete(next, 'completed', { events: [said('two')] });
  expect((await worker().complete(next, 'completed', { events: [said('two')] })).status).toBe(200);
  const { data } = await session.listEvents({ level: 'user' });
  expect(data.map(({ type }) => type)).toEqual([
    'user.message',
    'agent.message',
    'agent.message',
    'turn.completed',
  ]);
});
