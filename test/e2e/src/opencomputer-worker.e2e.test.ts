// The reference worker end to end: an agent that works with its hands, asks, goes on, and is taken over where
// its worker is killed. What it does is told by webhook, and its keys are nowhere but where they are used.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Event, OpenComputer, type Session } from '@opencomputer/sdk';
import type { Supervised } from '@tidemark/infra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { payloadOf, WebhookReceiver } from './opencomputer-receiver.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import {
  type LoopbackModel,
  type ModelAsked,
  type ModelBlock,
  startModel,
  startWorker,
  text,
  use,
} from './worker-process.ts';

const sealing = 'sealing-key-planted-7f3a9c';
const agentKey = 'sk-agent-key-planted-51bd02';
const webhookSecret = 'webhook-secret-planted-c40e77';

let server: OwnServer;
let folder: string;
let model: LoopbackModel;
const workers: Supervised[] = [];
const scripts = new Map<string, (asked: ModelAsked) => readonly ModelBlock[]>();

/** What the agent's system prompt names. */
const scriptOf = (asked: ModelAsked): readonly ModelBlock[] =>
  scripts.get(asked.system ?? '')?.(asked) ?? [text('nothing is scripted')];

async function begin(name: string): Promise<Supervised> {
  const worker = await startWorker(name, folder, {
    TIDEMARK_URL: server.url,
    TIDEMARK_MODEL_URL: model.url,
    TIDEMARK_SEALING_KEY: sealing,
    TIDEMARK_WORKER_LEASE_SECONDS: '1',
  });
  workers.push(worker);
  return worker;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-worker-'));
  server = await startOwnServer('worker', {
    TIDEMARK_SEALING_KEY: sealing,
    TIDEMARK_DATA_DIR: join(folder, 'data'),
  });
  model = await startModel(scriptOf);
});
afterAll(async () => {
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const client = (): OpenComputer => new OpenComputer({ apiKey: 'any', baseUrl: `${server.url}/v3` });

async function startSession(
  prompt: string,
  script: (asked: ModelAsked) => readonly ModelBlock[],
  more: object = {},
): Promise<Session> {
  scripts.set(prompt, script);
  const oc = client();
  const agent = await oc.agents.create({
    name: prompt,
    model: 'anthropic/claude-opus-4-8',
    prompt,
    key: agentKey,
  });
  return oc.sessions.create({ agent: agent.id, input: 'Begin', ...more });
}

/** What is heard until `count` turns have ended. */
async function heard(session: Session, count = 1): Promise<Event[]> {
  const events: Event[] = [];
  let ended = 0;
  for await (const event of session.events({ level: 'internal' })) {
    events.push(event);
    if (event.type === 'turn.completed') ended += 1;
    if (ended === count) return events;
  }
  throw new Error('the stream ended');
}

const resultsIn = (events: readonly Event[]): readonly string[] =>
  events
    .filter(({ type }) => type === 'tool.result')
    .map(({ body }) => (body as { text: string }).text);

const lastBlocks = ({ messages }: ModelAsked): readonly ModelBlock[] =>
  messages.at(-1)?.content ?? [];

describe('the reference worker', () => {
  test('works with its hands, asks, and goes on with the answer', async () => {
    await using receiver = await new WebhookReceiver().listen();
    const metadata = { ticket: 42 };
    const session = await startSession(
      'writes and asks',
      (asked) => {
        const isSaid = (said: string): boolean =>
          lastBlocks(asked).some((block) => block.text === said);
        if (isSaid('Begin')) {
          return [
            text('I write.'),
            use('w1', 'write', { path: 'notes/a.txt', text: 'seven' }),
            use('r1', 'read', { path: 'notes/a.txt' }),
            use('l1', 'ls', { path: '.' }),
            use('b1', 'bash', { command: 'cat notes/a.txt; exit 3' }),
            use('x1', 'read', { path: '../../../etc/passwd' }),
            use('s1', 'say', { text: 'Half way.' }),
          ];
        }
        if (isSaid('blue')) return [text('Blue it is.')];
        return [use('a1', 'ask', { text: 'Which colour?' })];
      },
      { metadata, destinations: [{ url: receiver.url, types: ['turn.completed'] }] },
    );
    await begin('first');
    const events = await heard(session);
    expect(resultsIn(events)).toEqual([
      'wrote 5 bytes',
      'seven',
      'notes/',
      'seven',
      'that is outside of the working folder',
      'said',
      'asked: the answer comes as the next message',
    ]);
    expect(events.find(({ type }) => type === 'exec.completed')?.body).toMatchObject({
      exitCode: 3,
    });
    await session.refresh();
    expect(session.status).toBe('awaiting_input');
    await session.steer('blue');
    await heard(session, 2);
    const { result } = await session.result();
    expect(result?.body).toEqual({ text: 'Blue it is.' });
    await receiver.until((received) => received.length === 2);
    expect(receiver.received.map((hook) => payloadOf(hook).metadata)).toEqual([metadata, metadata]);
    expect(new Set(model.keys)).toEqual(new Set([agentKey]));
  });

  test('killed in a tool call, is followed by another that goes on from the log', async () => {
    const first = workers[0];
    const session = await startSession('is killed', (asked) => {
      const results = asked.messages.flatMap(({ content }) =>
        content.filter(({ type }) => type === 'tool_result'),
      );
      if (results.length === 0) return [use('one', 'bash', { command: 'echo one >> done.txt' })];
      if (results.length === 1) return [use('long', 'bash', { command: 'sleep 600' })];
      return [use('two', 'bash', { command: 'cat done.txt' })].slice(results.length - 2);
    });
    for await (const event of session.events({ level: 'progress' })) {
      const { callId } = event.body as { callId?: string };
      if (event.type === 'tool.call' && callId === 'long') break;
    }
    first?.kill('SIGKILL');
    await first?.ended;
    await begin('second');
    const events = await heard(session);
    expect(resultsIn(events)).toEqual(['', 'the worker was lost', 'one\n']);
    const told = events.filter(({ type }) => type.startsWith('turn.')).map(({ type }) => type);
    expect(told).toEqual(['turn.started', 'turn.resumed', 'turn.completed']);
    const calls = events.filter(({ type }) => type === 'tool.call').map(({ body }) => body);
    expect(calls.map((body) => (body as { callId: string }).callId)).toEqual([
      'one',
      'long',
      'two',
    ]);
  });

  test('has what was said while it worked in the same turn', async () => {
    let isSteered = false;
    const session = await startSession('is steered', (asked) => {
      const blocks = lastBlocks(asked);
      if (blocks.some((block) => block.text === 'stop now')) {
        isSteered = true;
        return [text('Stopped.')];
      }
      return [use(`wait-${asked.messages.length}`, 'bash', { command: 'sleep 0.2' })];
    });
    for await (const event of session.events()) if (event.type === 'tool.call') break;
    await session.steer('stop now');
    await heard(session);
    expect(isSteered).toBe(true);
    expect((await session.turns()).data).toHaveLength(1);
  });

  test('stops what it does where its turn is cancelled', async () => {
    const session = await startSession('is cancelled', () => [
      use('forever', 'bash', { command: 'sleep 600' }),
    ]);
    for await (const event of session.events()) if (event.type === 'tool.call') break;
    await session.cancel();
    await heard(session);
    expect((await session.refresh()).lastTurn).toMatchObject({ yieldReason: 'canceled' });
    const { data } = await session.listEvents({ type: 'tool.result' });
    expect(data.map(({ body }) => body)).toMatchObject([{ callId: 'forever', isError: true }]);
  });
});

describe('what is secret', () => {
  test('is nowhere but where it is used: not in the log, an event, a line, or what hands can see', async () => {
    await using receiver = await new WebhookReceiver().listen();
    const look =
      'env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"; echo looked';
    const session = await startSession(
      'looks around',
      ({ messages }) =>
        messages.length === 1 ? [use('look', 'bash', { command: look })] : [text('.')],
      { destinations: [{ url: receiver.url, secret: webhookSecret, level: 'internal' }] },
    );
    const events = await heard(session);
    await receiver.until((received) =>
      received.some((hook) => payloadOf(hook).type === 'turn.completed'),
    );
    expect(resultsIn(events)[0]).toContain('looked');
    const planted = [sealing, agentKey, webhookSecret];
    const pages = await Promise.all(
      [
        '/v3/agents',
        '/v3/credentials',
        `/v3/sessions/${session.id}`,
        '/metrics',
        '/v1/sessions',
      ].map(async (path) => (await fetch(`${server.url}${path}`)).text()),
    );
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const contents = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    contents.push(await readFile(server.app.logFile, 'latin1'));
    contents.push(JSON.stringify(events), ...receiver.received.map(({ body }) => body), ...pages);
    expect(contents.join('\n')).toContain('looks around');
    for (const secret of planted) {
      expect(contents.filter((content) => content.includes(secret))).toEqual([]);
    }
  });
});
