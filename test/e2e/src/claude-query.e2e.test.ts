// The Claude Agent SDK as it is from npm, with its own program, against a scripted model: a session with a
// sub-agent is mirrored, and resumed on a second host that has nothing but the store.

import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Options, query, type SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { TidemarkSessionStore } from '@tidemark/agent-stores/claude';
import { SessionsClient } from '@tidemark/sessions-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import {
  type Block,
  type ModelRequest,
  type ScriptedModel,
  startScriptedModel,
} from './scripted-model.ts';

let server: OwnServer;
let model: ScriptedModel;

const say = (text: string): Block => ({ type: 'text', text });
const saidIn = (request: ModelRequest): string => JSON.stringify(request.messages);

function script(request: ModelRequest): readonly Block[] {
  const said = saidIn(request);
  const first = JSON.stringify(request.messages[0]);
  if (first.includes('SUBTASK')) return [say('ahoy from the sub-agent')];
  if (said.includes('what did we do')) return [say('we hoisted the flag')];
  if (said.includes('toolu_bash')) return [say('the flag is hoisted')];
  if (said.includes('toolu_agent')) {
    return [
      { type: 'tool_use', id: 'toolu_bash', name: 'Bash', input: { command: 'echo hoisted' } },
    ];
  }
  const input = {
    description: 'say ahoy',
    prompt: 'SUBTASK: say ahoy',
    subagent_type: 'general-purpose',
  };
  return [say('I ask another.'), { type: 'tool_use', id: 'toolu_agent', name: 'Agent', input }];
}

beforeAll(async () => {
  server = await startOwnServer('claude-query');
  model = await startScriptedModel(script);
});
afterAll(async () => {
  await model?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** A host: a home, a folder for settings and a temporary one, all of them new. */
async function newHost(cwd: string): Promise<Options> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-host-'));
  return {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      TMPDIR: await mkdtemp(join(tmpdir(), 'tidemark-host-')),
      CLAUDE_CONFIG_DIR: join(folder, 'config'),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'none',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1',
    },
    tools: ['Bash', 'Task', 'SendMessage'],
    allowedTools: ['Bash', 'Task', 'Agent', 'SendMessage'],
    settingSources: [],
    sessionStore: new TidemarkSessionStore({ baseUrl: server.url }),
  };
}

async function answered(prompt: string, options: Options): Promise<SDKMessage[]> {
  const messages: SDKMessage[] = [];
  for await (const message of query({ prompt, options })) messages.push(message);
  return messages;
}

const sessionIn = (messages: readonly SDKMessage[]): string =>
  messages.find(({ type }) => type === 'result')?.session_id ?? '';

test('a session with a sub-agent is mirrored, and resumed on a second host from the store alone', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'tidemark-work-'));
  const messages = await answered('hoist the flag', await newHost(cwd));
  expect(
    messages.filter((each) => each.type === 'system' && each.subtype === 'mirror_error'),
  ).toEqual([]);
  const session = sessionIn(messages);
  const client = new SessionsClient({ baseUrl: server.url });
  const [stored] = (
    await client.json<{ data: { id: string }[] }>('/v1/sessions', {
      query: { 'metadata[source_session]': session },
    })
  ).data;
  const name = stored?.id ?? '';
  const types = new Set<string>();
  for await (const { type } of client.events({ session: name })) types.add(type);
  for (const type of ['user.message', 'agent.message', 'agent.tool_use', 'agent.tool_result']) {
    expect(types).toContain(type);
  }
  const { data: hits } = await client.json<{ data: unknown[] }>('/v1/search', {
    query: { q: 'ahoy' },
  });
  expect(hits.length).toBeGreaterThan(0);
  const threads = await client.json<{ data: { id: string }[] }>(`/v1/sessions/${name}/threads`);
  expect(threads.data).toHaveLength(2);
  const thread: string[] = [];
  for await (const event of client.events({ session: name, thread: threads.data[1]?.id })) {
    thread.push(JSON.stringify(event['content'] ?? ''));
  }
  expect(thread.join()).toContain('ahoy from the sub-agent');

  const before = model.requests.length;
  const second = await newHost(cwd);
  expect(await readdir(second.env?.['HOME'] ?? '')).toEqual([]);
  const resumed = await answered('what did we do?', { ...second, resume: session });
  expect(sessionIn(resumed)).toBe(session);
  const [asked] = model.requests
    .slice(before)
    .filter((each) => saidIn(each).includes('what did we do'));
  const history = saidIn(asked as ModelRequest);
  for (const text of ['hoist the flag', 'toolu_agent', 'toolu_bash', 'the flag is hoisted']) {
    expect(history).toContain(text);
  }
  const texts: string[] = [];
  for await (const event of client.events({ session: name }))
    texts.push(JSON.stringify(event['content'] ?? ''));
  expect(texts.join()).toContain('we hoisted the flag');
});
