// The tools for models at /mcp of the server itself, driven by the official client: with the server's own keys,
// and for no web page that the server does not serve.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SessionsClient } from '@tidemark/sessions-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { json, send, textOf } from './http-client.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant } from './tenants.ts';

let local: OwnServer;
let keyed: OwnServer;

beforeAll(async () => {
  [local, keyed] = await Promise.all([
    startOwnServer('mcp-local'),
    startOwnServer('mcp-keyed', { TIDEMARK_ADMIN_KEY: adminKey, TIDEMARK_MCP_WRITES: 'on' }),
  ]);
});
afterAll(async () => {
  await Promise.all([local?.[Symbol.asyncDispose](), keyed?.[Symbol.asyncDispose]()]);
});

async function connected(url: string, key?: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const at = new URL(`${url}/mcp`);
  await client.connect(new StreamableHTTPClientTransport(at, { requestInit: { headers } }));
  return client;
}

async function told(client: Client, name: string, input: Record<string, unknown>): Promise<string> {
  const { content, isError } = await client.callTool({ name, arguments: input });
  const [first] = content as readonly { readonly text: string }[];
  return `${isError === true ? 'mistake: ' : ''}${first?.text}`;
}

const say = (url: string, session: string, ...texts: string[]): Promise<number> =>
  new SessionsClient({ baseUrl: url }).append(
    { session },
    texts.map((text) => ({ type: 'user.message', content: [{ type: 'text', text }] })),
  );

test('the official client finds, reads and lists, and writes nothing', async () => {
  await say(local.url, 'at/the-harbour', 'a heron', 'stood there', 'and left');
  const client = await connected(local.url);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  expect(names).toEqual(['search_sessions', 'read_session', 'list_sessions', 'get_facts']);
  expect(await told(client, 'search_sessions', { query: 'heron' })).toContain(
    'at/the-harbour seq 0: a heron',
  );
  const around = { session_id: 'at/the-harbour', around: 1, context: 1 };
  expect(await told(client, 'read_session', around)).toMatch(/^0 .*\n1 .*stood there\n2 .*$/m);
  expect(await told(client, 'list_sessions', {})).toContain('at/the-harbour (idle, 3 events');
  expect(await told(client, 'read_session', { session_id: 'none' })).toMatch(/^mistake: /);
  const input = { session_id: 'never', type: 'user.message', text: 'x' };
  expect(await told(client, 'append_event', input)).toMatch(/^mistake: /);
  const { resources } = await client.listResources();
  const uri = resources.find(({ name }) => name === 'at/the-harbour')?.uri ?? '';
  const { contents } = await client.readResource({ uri });
  expect((contents[0] as { readonly text: string }).text).toContain('stood there');
  await client.close();
});

test('a thread is read by its own places', async () => {
  const sessions = new SessionsClient({ baseUrl: local.url });
  await say(local.url, 'threaded', 'one', 'two', 'three');
  const thread = 'sthr_helper';
  const created = { type: 'session.thread_created', session_thread_id: thread, agent_name: 'h' };
  await sessions.append({ session: 'threaded' }, [created]);
  await sessions.append({ session: 'threaded', thread }, [
    { type: 'agent.message', content: [{ type: 'text', text: 'from the thread' }] },
  ]);
  const client = await connected(local.url);
  const input = { session_id: 'threaded', thread_id: thread, last: 5 };
  expect(await told(client, 'read_session', input)).toMatch(/^0 agent\.message: from the thread$/m);
  await client.close();
});

test('a key opens what it opens everywhere, and no more', async () => {
  const [own, others] = await Promise.all([makeTenant(keyed.url), makeTenant(keyed.url)]);
  await expect(connected(keyed.url)).rejects.toThrow('send the key as a bearer token');
  await expect(connected(keyed.url, 'none-of-ours')).rejects.toThrow('unauthenticated');
  const writer = await connected(keyed.url, own.key);
  const input = { session_id: 'noted', type: 'user.message', text: 'a pelican' };
  expect(await told(writer, 'append_event', input)).toBe('Appended to noted.');
  const fact = { session_id: 'noted', key: 'plan', value: 1, version: 0 };
  expect(await told(writer, 'put_fact', fact)).toContain('version 1');

  const stranger = await connected(keyed.url, others.key);
  expect(await told(stranger, 'search_sessions', { query: 'pelican' })).toContain(
    'Nothing was found',
  );
  expect(await told(stranger, 'read_session', { session_id: 'noted' })).toMatch(/^mistake: /);
  expect(await told(stranger, 'list_sessions', {})).toBe('There are no sessions.');

  const authorization = `Bearer ${own.key}`;
  const made = async (path: string, body: unknown): Promise<Record<string, string>> =>
    JSON.parse(
      textOf(
        await send(`${keyed.url}${path}`, {
          method: 'POST',
          headers: { ...json, authorization },
          body: JSON.stringify(body),
        }),
      ),
    ) as Record<string, string>;
  const key = await made('/v1/keys', { name: 'reader', scopes: ['read'] });
  const reader = await connected(keyed.url, key['apiKey']);
  expect(await told(reader, 'read_session', { session_id: 'noted' })).toContain('a pelican');
  expect(await told(reader, 'append_event', input)).toBe('mistake: the scope append is needed');
  const { token } = await made('/v1/sessions/noted/tokens', { scopes: ['read'] });
  await expect(connected(keyed.url, token)).rejects.toThrow('forbidden');
  await Promise.all([writer, stranger, reader].map((client) => client.close()));
});

test('no web page of another origin asks, nor one by another name; bodies have an end', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const ask = async (headers: Record<string, string>, sent = body): Promise<number> =>
    (
      await send(`${local.url}/mcp`, {
        method: 'POST',
        headers: { ...json, ...headers },
        body: sent,
      })
    ).status;
  expect(await ask({})).toBe(200);
  expect(await ask({ origin: 'http://evil.test' })).toBe(403);
  expect(await ask({ host: 'evil.test' })).toBe(403);
  expect(await ask({}, '{')).toBe(400);
  expect(await ask({ 'mcp-protocol-version': '1999-01-01' })).toBe(400);
  expect(await ask({}, ' '.repeat(1_100_000))).toBe(413);
  for (const method of ['GET', 'DELETE']) {
    const answer = await send(`${local.url}/mcp`, { method });
    expect(answer.status).toBe(405);
  }
});
