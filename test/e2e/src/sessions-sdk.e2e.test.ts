// The vendor's own clients, unmodified: only the address and the key are ours.

import Oldest from 'anthropic-0.90';
import Middle from 'anthropic-0.137';
import Newest from 'anthropic-1.14';
import type { BetaRunnableTool } from 'anthropic-1.14/lib/tools/BetaRunnableTool';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('sdk');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const apiKey = 'a-key-that-nobody-looks-at';
/** Of the versions one has the types; all have the calls. */
const clients = {
  '1.14': () => new Newest({ baseURL: server.url, apiKey }),
  '0.137': () => new Middle({ baseURL: server.url, apiKey }) as unknown as Newest,
  '0.90': () => new Oldest({ baseURL: server.url, apiKey }) as unknown as Newest,
} as const;

type Events = Parameters<Newest['beta']['sessions']['events']['send']>[1]['events'];
const said = (text: string): Events[number] => ({
  type: 'user.message',
  content: [{ type: 'text', text }],
});

/** What a harness writes, which the vendor's parameters do not permit: by plain HTTP. */
async function harness(session: string, ...events: readonly object[]): Promise<void> {
  const response = await fetch(`${server.url}/v1/sessions/${session}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  });
  expect(response.status).toBe(200);
}

const wayOfRunning = [
  { type: 'session.status_running' },
  { type: 'span.model_request_start' },
  { type: 'agent.message', content: [{ type: 'text', text: 'done' }] },
  {
    type: 'span.model_request_end',
    model_request_start_id: 'sevt_x',
    model_usage: {
      input_tokens: 10,
      output_tokens: 20,
      cache_creation_input_tokens: 3,
      cache_read_input_tokens: 4,
    },
  },
  { type: 'x.custom', anything: { goes: true } },
  { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
];

const create = (
  client: Newest,
  more: object = {},
): ReturnType<Newest['beta']['sessions']['create']> =>
  client.beta.sessions.create({ agent: 'agent_x', environment_id: 'env_y', ...more });

async function refusal(call: Promise<unknown>): Promise<{ status: number; type: unknown }> {
  try {
    await call;
  } catch (cause) {
    const { status, error } = cause as {
      status: number;
      error: { error: { type: string }; request_id: string };
    };
    expect(error.request_id).toMatch(/^req_/);
    return { status, type: error.error.type };
  }
  throw new Error('was not refused');
}

describe.each(Object.keys(clients) as (keyof typeof clients)[])('client %s', (version) => {
  test('a session is made, sent to, listed, followed, changed, archived and deleted', async () => {
    const client = clients[version]();
    const session = await create(client, {
      title: 'first',
      metadata: { team: 'blue' },
      initial_events: [said('before')],
      resources: [{ type: 'file', file_id: 'file_1' }],
    });
    expect(session).toMatchObject({ type: 'session', status: 'idle', title: 'first' });
    expect(session).toMatchObject({ metadata: { team: 'blue' }, archived_at: null, budget: null });
    expect(session.agent).toMatchObject({ type: 'agent', id: 'agent_x', tools: [] });
    expect(session.resources[0]).toMatchObject({ mount_path: '/mnt/session/uploads/file_1' });

    const stream = await client.beta.sessions.events.stream(session.id);
    const streamed: { id: string; type: string }[] = [];
    const following = (async () => {
      for await (const event of stream) streamed.push(event as { id: string; type: string });
    })();
    const sent = await client.beta.sessions.events.send(session.id, { events: [said('hello')] });
    expect(sent.data?.[0]?.id).toMatch(/^sevt_/);
    await harness(session.id, ...wayOfRunning);

    const listed: { id: string; type: string }[] = [];
    for await (const event of client.beta.sessions.events.list(session.id, { limit: 3 })) {
      listed.push(event);
    }
    expect(listed.map(({ type }) => type)).toEqual([
      'user.message',
      'user.message',
      ...wayOfRunning.map(({ type }) => type),
    ]);
    expect(listed[1]?.id).toBe(sent.data?.[0]?.id);

    const now = await client.beta.sessions.retrieve(session.id);
    expect(now).toMatchObject({ status: 'idle', usage: { input_tokens: 10, output_tokens: 20 } });
    const changed = await client.beta.sessions.update(session.id, {
      title: 'second',
      metadata: { team: null, size: 'large' },
    });
    expect(changed).toMatchObject({ title: 'second', metadata: { size: 'large' } });

    const archived = await client.beta.sessions.archive(session.id);
    expect(archived.status).toBe('terminated');
    expect(archived.archived_at).not.toBeNull();
    const late = client.beta.sessions.events.send(session.id, { events: [said('late')] });
    expect(await refusal(late)).toEqual({ status: 409, type: 'invalid_request_error' });
    await following;
    expect(streamed.map(({ type }) => type)).toEqual([
      'user.message',
      ...wayOfRunning.map(({ type }) => type),
      'session.updated',
      'session.status_terminated',
    ]);
    expect(streamed.slice(0, 7).map(({ id }) => id)).toEqual(listed.slice(1).map(({ id }) => id));

    expect(await client.beta.sessions.delete(session.id)).toEqual({
      id: session.id,
      type: 'session_deleted',
    });
    const gone = client.beta.sessions.retrieve(session.id);
    expect(await refusal(gone)).toEqual({ status: 404, type: 'not_found_error' });
  });

  test('a conflict is told once: the client does not repeat it', async () => {
    const seen: string[] = [];
    const counting: typeof fetch = (input, init) => {
      seen.push(String(input instanceof Request ? input.url : input));
      return fetch(input, init);
    };
    const options = { baseURL: server.url, apiKey, fetch: counting };
    const client =
      version === '1.14'
        ? new Newest(options)
        : (new (version === '0.137' ? Middle : Oldest)(options) as unknown as Newest);
    const session = await create(client);
    await client.beta.sessions.archive(session.id);
    const before = seen.length;
    await refusal(client.beta.sessions.events.send(session.id, { events: [said('late')] }));
    expect(seen.length - before).toBe(1);
  });

  test('a stream tells that its session was deleted, and ends', async () => {
    const client = clients[version]();
    const session = await create(client);
    const stream = await client.beta.sessions.events.stream(session.id);
    await client.beta.sessions.delete(session.id);
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types).toEqual(['session.deleted']);
  });

  test('nothing is done to a session while it runs', async () => {
    const client = clients[version]();
    const session = await create(client);
    await harness(session.id, { type: 'session.status_running' });
    for (const call of [
      client.beta.sessions.archive(session.id),
      client.beta.sessions.delete(session.id),
    ]) {
      expect(await refusal(call)).toEqual({ status: 400, type: 'invalid_request_error' });
    }
  });
});

test('2,500 events are listed page by page while others append: none is lost, none comes twice', async () => {
  const client = clients['1.14']();
  const session = await create(client);
  const send = (from: number, count: number): Promise<void> =>
    harness(
      session.id,
      ...Array.from({ length: count }, (_, index) => ({ type: 'x.count', number: from + index })),
    );
  for (let from = 0; from < 2_500; from += 500) await send(from, 500);
  let next = 2_500;
  let isListing = true;
  const appending = (async () => {
    while (isListing) {
      await send(next, 1);
      next += 1;
    }
  })();
  const numbers: number[] = [];
  for await (const event of client.beta.sessions.events.list(session.id, { limit: 200 })) {
    numbers.push((event as unknown as { number: number }).number);
  }
  isListing = false;
  await appending;
  expect(numbers.length).toBeGreaterThanOrEqual(2_500);
  expect(numbers).toEqual(numbers.map((_, index) => index));
  const backwards: number[] = [];
  for await (const event of client.beta.sessions.events.list(session.id, {
    order: 'desc',
    limit: 300,
  })) {
    backwards.push((event as unknown as { number: number }).number);
  }
  expect(backwards).toEqual(Array.from({ length: next }, (_, index) => next - 1 - index));
});

test('previews reach those who have asked, are not stored, and the event keeps its id', async () => {
  const client = clients['1.14']();
  const session = await create(client);
  const stream = await client.beta.sessions.events.stream(session.id, {
    event_deltas: ['agent.message'],
  });
  const plain = await client.beta.sessions.events.stream(session.id);
  const id = 'msg-of-a-harness-1';
  const text = (piece: string): object => ({
    type: 'event_delta',
    event_id: id,
    delta: { type: 'content_delta', index: 0, content: { type: 'text', text: piece } },
  });
  await harness(session.id, { type: 'event_start', event: { id, type: 'agent.message' } });
  await harness(session.id, text('Hel'));
  await harness(session.id, text('lo'), {
    type: 'agent.message',
    id,
    content: [{ type: 'text', text: 'Hello' }],
  });
  await client.beta.sessions.archive(session.id);
  const told: unknown[] = [];
  for await (const event of stream) told.push(event);
  expect(told).toMatchObject([
    { type: 'event_start', event: { id, type: 'agent.message' } },
    { type: 'event_delta', delta: { content: { text: 'Hel' } } },
    { type: 'event_delta', delta: { content: { text: 'lo' } } },
    { type: 'agent.message', id },
    { type: 'session.status_terminated' },
  ]);
  const withoutPreviews: string[] = [];
  for await (const { type } of plain) withoutPreviews.push(type);
  expect(withoutPreviews).toEqual(['agent.message', 'session.status_terminated']);
  const listed = await client.beta.sessions.events.list(session.id);
  expect(listed.data.map((event) => event.type)).toEqual(withoutPreviews);
});

test('the tool runner runs a scripted loop of two tools to its end', async () => {
  const client = clients['1.14']();
  const session = await create(client);
  const tool = (name: string): BetaRunnableTool =>
    ({
      type: 'custom',
      name,
      description: name,
      input_schema: { type: 'object' },
      parse: (input: unknown) => input,
      run: (input: unknown) => `${name} of ${JSON.stringify(input)}`,
    }) as unknown as BetaRunnableTool;
  const use = (name: string, number: number): object => ({
    type: 'agent.custom_tool_use',
    id: `use-${number}`,
    name,
    input: { number },
  });
  const answerTo = async (id: string): Promise<unknown> => {
    for (;;) {
      for await (const event of client.beta.sessions.events.list(session.id, {
        types: ['user.custom_tool_result'],
      })) {
        if (event.type === 'user.custom_tool_result' && event.custom_tool_use_id === id)
          return event;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  // The first call is there before the runner is: it finds it in the history.
  await harness(session.id, { type: 'session.status_running' }, use('read', 1));
  const script = (async () => {
    expect(await answerTo('use-1')).toMatchObject({
      content: [{ type: 'text', text: 'read of {"number":1}' }],
    });
    await harness(session.id, use('write', 2));
    await answerTo('use-2');
    await harness(
      session.id,
      { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
      { type: 'session.status_terminated' },
    );
  })();
  const calls: unknown[] = [];
  const runner = client.beta.sessions.events.toolRunner(session.id, {
    tools: [tool('read'), tool('write')],
  });
  for await (const { name, posted, isError } of runner) calls.push({ name, posted, isError });
  await script;
  expect(calls).toEqual([
    { name: 'read', posted: true, isError: false },
    { name: 'write', posted: true, isError: false },
  ]);
});

test('agents and environments are kept, version by version, and sessions are made from them', async () => {
  const client = clients['1.14']();
  const agent = await client.beta.agents.create({
    name: 'reviewer',
    model: 'claude-opus-4-6',
    system: 'review',
    metadata: { team: 'blue' },
  });
  expect(agent).toMatchObject({ type: 'agent', version: 1, model: { id: 'claude-opus-4-6' } });
  const changed = await client.beta.agents.update(agent.id, {
    version: agent.version,
    system: 'review twice',
    metadata: { team: null },
  });
  expect(changed).toMatchObject({ version: 2, system: 'review twice', metadata: {} });
  const late = client.beta.agents.update(agent.id, { version: 1, system: 'late' });
  expect((await refusal(late)).status).toBe(412);
  const versions: number[] = [];
  for await (const each of client.beta.agents.versions.list(agent.id, { limit: 1 })) {
    versions.push(each.version);
  }
  expect(versions).toEqual([2, 1]);
  expect(await client.beta.agents.retrieve(agent.id, { version: 1 })).toMatchObject({
    system: 'review',
  });

  const environment = await client.beta.environments.create({ name: 'here' });
  const session = await client.beta.sessions.create({
    agent: { type: 'agent', id: agent.id, version: 1 },
    environment_id: environment.id,
  });
  expect(session.agent).toMatchObject({ id: agent.id, version: 1, system: 'review' });
  const overridden = await client.beta.sessions.create({
    agent: { type: 'agent_with_overrides', id: agent.id, system: 'own' },
    environment_id: environment.id,
  });
  expect(overridden.agent).toMatchObject({ version: 2, system: 'own', name: 'reviewer' });

  const sessions: string[] = [];
  for await (const each of client.beta.sessions.list({ agent_id: agent.id, limit: 1 })) {
    sessions.push(each.id);
  }
  expect(sessions).toEqual([overridden.id, session.id]);
  expect(await client.beta.environments.delete(environment.id)).toMatchObject({
    type: 'environment_deleted',
  });
  await client.beta.agents.archive(agent.id);
  const names: string[] = [];
  for await (const each of client.beta.agents.list()) names.push(each.name);
  expect(names).not.toContain('reviewer');
  expect((await refusal(create(client, { agent: agent.id }))).status).toBe(400);
});

test('a thread has events of its own; what somebody has to answer is told on both streams', async () => {
  const client = clients['1.14']();
  const session = await create(client);
  await harness(session.id, {
    type: 'session.thread_created',
    session_thread_id: 'sthr_helper',
    agent_name: 'helper',
  });
  const threads = await client.beta.sessions.threads.list(session.id);
  expect(threads.data.map(({ id, parent_thread_id }) => [id, parent_thread_id])).toEqual([
    [expect.stringMatching(/^sthr_/), null],
    ['sthr_helper', threads.data[0]?.id],
  ]);
  const stream = await client.beta.sessions.threads.events.stream('sthr_helper', {
    session_id: session.id,
  });
  await harness(
    `${session.id}/threads/sthr_helper`,
    { type: 'agent.message', content: [{ type: 'text', text: 'mine' }] },
    { type: 'agent.custom_tool_use', name: 'ask', input: {} },
  );
  const types: string[] = [];
  for await (const event of stream) {
    types.push(event.type);
    if (types.length === 2) break;
  }
  expect(types).toEqual(['agent.message', 'agent.custom_tool_use']);
  const own = await client.beta.sessions.threads.events.list('sthr_helper', {
    session_id: session.id,
  });
  const parents = await client.beta.sessions.events.list(session.id);
  expect(parents.data.map(({ type }) => type)).toEqual([
    'session.thread_created',
    'agent.custom_tool_use',
  ]);
  expect(parents.data[1]).toMatchObject({
    id: own.data[1]?.id,
    session_thread_id: 'sthr_helper',
  });
  const archived = await client.beta.sessions.threads.archive('sthr_helper', {
    session_id: session.id,
  });
  expect(archived.archived_at).not.toBeNull();
  for await (const each of client.beta.sessions.list()) expect(each.id).not.toContain('~');
});
