// The session of the OpenAI Agents SDK, beside the vendor's own in memory: over random operations both answer
// alike. SEED=... runs the same ones again.

import { randomUUID } from 'node:crypto';
import { type AgentInputItem, MemorySession } from '@openai/agents-core';
import { TidemarkOpenAISession } from '@tidemark/agent-stores/openai';
import { SessionsClient } from '@tidemark/sessions-client';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('openai-session');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const openSession = (name = `openai.${randomUUID()}`): TidemarkOpenAISession =>
  new TidemarkOpenAISession({ baseUrl: server.url, sessionId: name });

const user = (text: string): AgentInputItem => ({ role: 'user', content: text });
const agent = (text: string): AgentInputItem => ({
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text }],
});
const call = (
  callId: string,
  path: string,
): Extract<AgentInputItem, { type: 'function_call' }> => ({
  type: 'function_call',
  callId,
  name: 'read',
  arguments: JSON.stringify({ path }),
  status: 'completed',
});
const result = (callId: string, output: string): AgentInputItem => ({
  type: 'function_call_result',
  callId,
  name: 'read',
  status: 'completed',
  output: { type: 'text', text: output },
});

const item = fc.oneof(
  fc.string().map(user),
  fc.string().map(agent),
  fc
    .record({ id: fc.constantFrom('c1', 'c2'), path: fc.string() })
    .map(({ id, path }) => call(id, path)),
  fc
    .record({ id: fc.constantFrom('c1', 'c2'), text: fc.string() })
    .map(({ id, text }) => result(id, text)),
  fc.uint8Array({ maxLength: 8 }).map(
    (bytes): AgentInputItem => ({
      role: 'user',
      content: 'see',
      providerData: { bytes, none: undefined },
    }),
  ),
);

type Operation =
  | { readonly kind: 'add'; readonly items: AgentInputItem[] }
  | { readonly kind: 'get'; readonly limit: number | undefined }
  | { readonly kind: 'pop' | 'clear' }
  | { readonly kind: 'mutate'; readonly path: string }
  | { readonly kind: 'append'; readonly id: string; readonly items: AgentInputItem[] }
  | {
      readonly kind: 'replace';
      readonly id: string;
      readonly count: number;
      readonly isRight: boolean;
      readonly items: AgentInputItem[];
    };

const items = fc.array(item, { maxLength: 3 });
const id = fc.constantFrom('op-1', 'op-2', 'op-3', 'op-4');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), items }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('get' as const),
      limit: fc.option(fc.integer({ min: -1, max: 5 }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pop' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mutate' as const), path: fc.string() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('append' as const), id, items }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      id,
      count: fc.integer({ min: 0, max: 3 }),
      isRight: fc.boolean(),
      items,
    }),
  },
);

type Tried = Pick<
  TidemarkOpenAISession,
  | 'addItems'
  | 'getItems'
  | 'popItem'
  | 'clearSession'
  | 'applyHistoryMutations'
  | 'applyHistoryTransaction'
>;

/** What it answers, or that it refuses. */
async function tried(session: Tried, asked: Operation, suffix: AgentInputItem[]): Promise<unknown> {
  try {
    switch (asked.kind) {
      case 'add':
        return await session.addItems(asked.items);
      case 'get':
        return await session.getItems(asked.limit);
      case 'pop':
        return await session.popItem();
      case 'clear':
        return await session.clearSession();
      case 'mutate': {
        const replacement = call('c1', asked.path);
        const mutation = { type: 'replace_function_call' as const, callId: 'c1', replacement };
        return await session.applyHistoryMutations({ mutations: [mutation] });
      }
      case 'append': {
        const transaction = { type: 'append_items' as const, items: asked.items };
        return await session.applyHistoryTransaction({ operationId: asked.id, transaction });
      }
      case 'replace': {
        const expectedSuffix = asked.isRight ? suffix : [user('never said')];
        const transaction = {
          type: 'replace_suffix' as const,
          expectedSuffix,
          replacement: asked.items,
        };
        return await session.applyHistoryTransaction({ operationId: asked.id, transaction });
      }
    }
  } catch {
    return 'refused';
  }
}

test('it answers as the session in memory does, and another process sees the same', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 15 }), async (operations) => {
      const name = `openai.${randomUUID()}`;
      const [ours, theirs] = [openSession(name), new MemorySession()];
      for (const asked of operations) {
        const count = asked.kind === 'replace' ? asked.count : 0;
        const suffix = count === 0 ? [] : await theirs.getItems(count);
        const [answer, wanted] = [
          await tried(ours, asked, suffix),
          await tried(theirs, asked, suffix),
        ];
        expect(answer).toEqual(wanted);
        expect(await ours.getItems()).toEqual(await theirs.getItems());
      }
      expect(await openSession(name).getItems()).toEqual(await theirs.getItems());
    }),
    { numRuns: 60, seed },
  );
});

test('of two that pop at once each gets another item', async () => {
  const name = `openai.${randomUUID()}`;
  const [one, other] = [openSession(name), openSession(name)];
  await one.addItems(Array.from({ length: 10 }, (_, n) => user(`item ${n}`)));
  const popped = await Promise.all([one, other, one, other, one].map((each) => each.popItem()));
  const texts = popped.map((each) => JSON.stringify(each)).toSorted();
  expect(texts).toEqual([5, 6, 7, 8, 9].map((n) => JSON.stringify(user(`item ${n}`))));
  expect(await one.getItems()).toHaveLength(5);
});

test('items are typed events, and found', async () => {
  const session = openSession();
  await session.addItems([
    user('where is the pelican?'),
    call('c9', 'pelican.txt'),
    result('c9', 'on the pier'),
    agent('found'),
  ]);
  const client = new SessionsClient({ baseUrl: server.url });
  const types: string[] = [];
  for await (const { type } of client.events({ session: await session.getSessionId() }))
    types.push(type);
  expect(types).toEqual(['user.message', 'agent.tool_use', 'agent.tool_result', 'agent.message']);
  const { data } = await client.json<{ data: { type: string }[] }>('/v1/search', {
    query: { q: 'pier' },
  });
  expect(data).toMatchObject([{ type: 'agent.tool_result' }]);
});

test('a session that another process has deleted is empty, and one of its name begins anew', async () => {
  const [one, other] = [openSession('openai.remade'), openSession('openai.remade')];
  await one.addItems([user('old 1'), user('old 2'), user('old 3')]);
  expect(await one.getItems()).toHaveLength(3);
  const client = new SessionsClient({ baseUrl: server.url });
  await client.delete({ session: 'openai.remade' });
  await other.addItems([user('new')]);
  expect(await one.getItems()).toEqual([user('new')]);
  expect(await one.popItem()).toEqual(user('new'));
  await client.delete({ session: 'openai.remade' });
  expect(await one.getItems()).toEqual([]);
  await other.addItems([user('a'), user('b'), user('c'), user('d')]);
  expect(await one.getItems()).toEqual(['a', 'b', 'c', 'd'].map(user));
});
