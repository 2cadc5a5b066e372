// The MCP server, driven by the official client over its standard input and output.

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { claudeLongFile } from '@tidemark/agent-formats/testing';
import { SessionsClient } from '@tidemark/sessions-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCli, startCli } from './cli.ts';
import { send, textOf } from './http-client.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
let sessions: SessionsClient;
let reader: Client;
let writer: Client;

const main = resolve(import.meta.dirname, '../../../apps/cli/src/main.ts');

async function connect(...args: string[]): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const env = { PATH: process.env['PATH'] ?? '', TIDEMARK_URL: server.url };
  const command = process.execPath;
  await client.connect(new StdioClientTransport({ command, args: [main, 'mcp', ...args], env }));
  return client;
}

beforeAll(async () => {
  server = await startOwnServer('mcp');
  sessions = new SessionsClient({ baseUrl: server.url });
  [reader, writer] = await Promise.all([connect(), connect('--write')]);
});
afterAll(async () => {
  await Promise.all([reader?.close(), writer?.close()]);
  await server?.[Symbol.asyncDispose]();
});

interface Told {
  readonly text: string;
  readonly isError: boolean;
}

async function call(
  client: Client,
  name: string,
  input: Record<string, unknown> = {},
): Promise<Told> {
  const answer = await client.callTool({ name, arguments: input });
  const [content] = answer.content as readonly { readonly text: string }[];
  return { text: content?.text ?? '', isError: answer.isError === true };
}

const say = (session: string, ...texts: string[]): Promise<number> =>
  sessions.append(
    { session },
    texts.map((text) => ({ type: 'user.message', content: [{ type: 'text', text }] })),
  );

test('it only reads, unless it is told that it may write', async () => {
  const names = async (client: Client): Promise<string[]> =>
    (await client.listTools()).tools.map(({ name }) => name);
  const reading = ['search_sessions', 'read_session', 'list_sessions', 'get_facts'];
  expect(await names(reader)).toEqual(reading);
  expect(await names(writer)).toEqual([...reading, 'append_event', 'put_fact']);
  const input = { session_id: 'never', type: 'user.message', text: 'x' };
  expect(await call(reader, 'append_event', input)).toMatchObject({ isError: true });
  expect(await sessions.find('/v1/sessions/never')).toBeUndefined();
});

test('what is found is read around, and what is cut says where it goes on', async () => {
  const numbers = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
  await say('counting', ...numbers.map((word) => `${word} is counted by the heron`));
  const found = await call(reader, 'search_sessions', { query: 'five heron' });
  expect(found.text).toContain('counting seq 5: five is counted by the heron');
  const around = await call(reader, 'read_session', {
    session_id: 'counting',
    around: 5,
    context: 1,
  });
  expect(around.text.match(/^\d .*$/gm)).toEqual([
    '4 user.message: four is counted by the heron',
    '5 user.message: five is counted by the heron',
    '6 user.message: six is counted by the heron',
  ]);
  const last = await call(reader, 'read_session', { session_id: 'counting', last: 2 });
  expect(last.text).toMatch(/^7 .*\n8 .*$/m);
  expect(last.text).not.toContain('6 user');
  const cut = await call(reader, 'read_session', {
    session_id: 'counting',
    from_seq: 0,
    max_tokens: 40,
  });
  const [, next] = /go on with from_seq=(\d+)/.exec(cut.text) ?? [];
  expect(Number(next)).toBeGreaterThan(0);
  const rest = await call(reader, 'read_session', {
    session_id: 'counting',
    from_seq: Number(next),
  });
  expect(rest.text).toContain(`${next} user.message`);
  expect(rest.text).toContain('8 user.message');
  const one = await call(reader, 'search_sessions', {
    query: 'heron',
    session_id: 'counting',
    limit: 2,
  });
  expect(one.text.match(/^counting seq/gm)).toHaveLength(2);
});

test('a session is listed, appended to, and has facts', async () => {
  const input = { session_id: 'noted', type: 'user.message', text: 'remember the tide' };
  expect((await call(writer, 'append_event', input)).isError).toBe(false);
  expect((await call(reader, 'list_sessions', { limit: 1 })).text).toMatch(
    /^noted \(idle, 1 events/,
  );
  const fact = { session_id: 'noted', key: 'plan', value: { step: 1 }, version: 0 };
  expect((await call(writer, 'put_fact', fact)).text).toContain('version 1');
  expect(await call(writer, 'put_fact', fact)).toMatchObject({ isError: true });
  expect((await call(reader, 'get_facts', { session_id: 'noted' })).text).toBe(
    'plan (version 1): {"step":1}',
  );
});

test('a mistake is told as one, and the server goes on', async () => {
  for (const [name, input] of [
    ['search_sessions', {}],
    ['search_sessions', { query: 'x', limit: 'many' }],
    ['read_session', { session_id: 'no-such-session' }],
    ['read_session', { session_id: 'counting', around: -1 }],
    ['no_such_tool', {}],
  ] as const) {
    expect((await call(reader, name, input)).isError).toBe(true);
  }
  expect((await call(reader, 'list_sessions')).isError).toBe(false);
});

test('sessions are resources', async () => {
  await say('a/resource', 'to be read');
  const { resources } = await reader.listResources();
  const found = resources.find(({ name }) => name === 'a/resource');
  const { contents } = await reader.readResource({ uri: found?.uri ?? '' });
  expect((contents[0] as { readonly text: string }).text).toContain('to be read');
  await expect(reader.readResource({ uri: 'tidemark://elsewhere/x' })).rejects.toThrow(
    'no such resource',
  );
});

test('known items of an imported history are found within three calls', async () => {
  const file = claudeLongFile(2_000);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-history-'));
  await mkdir(dirname(join(folder, file.path)), { recursive: true });
  await writeFile(join(folder, file.path), file.text);
  expect(
    (await runCli(['import', 'claude-code', '--from', folder], { url: server.url })).code,
  ).toBe(0);
  let calls = 0;
  const ask = (name: string, input: Record<string, unknown>): Promise<Told> => {
    calls += 1;
    return call(reader, name, input);
  };
  for (const turn of [7, 123, 400]) {
    calls = 0;
    // What did the agent say before it printed that file?
    const { text } = await ask('search_sessions', { query: `tool:bash "cat f${turn}"` });
    const [, session = '', seq = ''] = /^(\S+) seq (\d+)/.exec(text) ?? [];
    const around = await ask('read_session', {
      session_id: session,
      around: Number(seq),
      context: 2,
    });
    expect(around.text).toContain(`I look at file number ${turn}.`);
    expect(calls).toBeLessThanOrEqual(3);
    expect(around.text.length).toBeLessThan(4_000 * 4);
  }
});

test('over HTTP the same tools answer the official client, and no web page', async () => {
  const serving = startCli(['mcp', '--listen', '127.0.0.1:0'], { url: server.url });
  const url = await vi.waitUntil(() => /^http:\S+\/mcp$/m.exec(serving.out())?.[0], 20_000);
  await say('over-http', 'a heron stood there');
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('search_sessions');
  const found = await call(client, 'search_sessions', { query: 'heron' });
  expect(found.text).toContain('over-http');
  expect(await call(client, 'append_event', { session_id: 'x' })).toMatchObject({ isError: true });
  await client.close();
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const ask = async (more: Record<string, string>, sent = body): Promise<number> =>
    (await send(url, { method: 'POST', headers: { ...headers, ...more }, body: sent })).status;
  expect(await ask({})).toBe(200);
  expect(await ask({ origin: 'http://evil.test' })).toBe(403);
  expect(await ask({ host: 'evil.test' })).toBe(403);
  expect(await ask({}, '{')).toBe(400);
  expect(await ask({}, ' '.repeat(1_100_000))).toBe(413);
  expect((await send(url.replace('/mcp', '/other'))).status).toBe(404);
  expect(textOf(await send(url, { headers: { origin: 'http://evil.test' } }))).not.toContain(
    'heron',
  );
  serving.child.kill('SIGINT');
  expect((await serving.ended).err).toBe('');
});
