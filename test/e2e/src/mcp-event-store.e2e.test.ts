// Resumable streams of an MCP server: a client that is cut off in the middle of a stream goes on with another
// process, by the id that it saw last.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { TidemarkEventStore } from '@tidemark/agent-stores/mcp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer('mcp-events');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const openStore = (name: string): TidemarkEventStore =>
  new TidemarkEventStore({ baseUrl: server.url, sessionId: name });

const message = (n: number): JSONRPCMessage => ({ jsonrpc: '2.0', method: 'note', params: { n } });

async function replayed(store: TidemarkEventStore, after: string): Promise<unknown[]> {
  const numbers: unknown[] = [];
  await store.replayEventsAfter(after, {
    send: (_, told) => {
      numbers.push((told as { readonly params?: { readonly n?: number } }).params?.n);
      return Promise.resolve();
    },
  });
  return numbers;
}

test('what came behind an event is replayed by any process, of its stream alone, in order', async () => {
  const name = `mcp.${randomUUID()}`;
  const [store, other] = [openStore(name), openStore(name)];
  const ids: string[] = [];
  for (let n = 0; n < 20; n += 1) {
    await store.storeEvent('elsewhere', message(1_000 + n));
    ids.push(await store.storeEvent('_GET_stream', message(n)));
  }
  await store.storeEvent('_GET_stream', {} as JSONRPCMessage);
  expect(await replayed(other, ids[4] ?? '')).toEqual([...Array(15).keys()].map((n) => n + 5));
  expect(await other.getStreamIdForEventId(ids[4] ?? '')).toBe('_GET_stream');
  expect(new Set(ids).size).toBe(20);
});

test('an id of another session, or of nobody, replays nothing', async () => {
  const [mine, theirs] = [openStore(`mcp.${randomUUID()}`), openStore(`mcp.${randomUUID()}`)];
  await mine.storeEvent('s', message(1));
  const id = await theirs.storeEvent('s', message(2));
  await mine.storeEvent('s', message(3));
  for (const foreign of [id, '', 'x', `${id}%`, '000000000000.0.s']) {
    expect(await replayed(mine, foreign)).toEqual([]);
    expect(await mine.getStreamIdForEventId(foreign)).toBeUndefined();
  }
});

/** A process that serves one tool, which tells of its progress. */
async function startMcp(
  eventStore: TidemarkEventStore,
  session: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const mcp = new McpServer({ name: 'counter', version: '1' }, { capabilities: { logging: {} } });
  mcp.registerTool('count', {}, async (extra) => {
    for (let n = 0; n < 10; n += 1) {
      await extra.sendNotification({
        method: 'notifications/message',
        params: { level: 'info', data: n },
      });
    }
    return { content: [{ type: 'text', text: 'counted' }] };
  });
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => session,
    eventStore,
  });
  await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
  const http = createServer((request, response) => void transport.handleRequest(request, response));
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      await mcp.close();
      http.closeAllConnections();
      http.close();
    },
  };
}

const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
};

async function post(
  url: string,
  body: object,
  more: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { ...headers, ...more },
    body: JSON.stringify(body),
  });
}

/** The frames until the last one that is wanted. */
async function framesUntil(
  response: Response,
  wanted: RegExp,
): Promise<{ id: string; data: string }[]> {
  let text = '';
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString();
    if (wanted.test(text)) break;
  }
  return [...text.matchAll(/id: (\S+)\ndata: ?(.*)\n/g)].map(([, id = '', data = '']) => ({
    id,
    data,
  }));
}

async function initialize(url: string): Promise<void> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  };
  const answer = await post(url, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  expect(answer.status).toBe(200);
  await framesUntil(answer, /serverInfo/);
}

test('a client that was cut off resumes on a second process: nothing is lost, nothing comes twice', async () => {
  const session = randomUUID();
  const name = `mcp.${session}`;
  await using first = await startMcp(openStore(name), session);
  await initialize(first.url);
  const calling = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'count' } };
  const streaming = await post(first.url, calling, { 'mcp-session-id': session });
  const seen = await framesUntil(streaming, /"data":3/);
  const cut = seen.findIndex(({ data }) => data.includes('"data":3'));
  const last = seen[cut]?.id ?? '';
  // The tool is done meanwhile, and its process gone.
  await new Promise((done) => setTimeout(done, 500));
  await first[Symbol.asyncDispose]();

  await using second = await startMcp(openStore(name), session);
  await initialize(second.url);
  const resumed = await fetch(second.url, {
    headers: {
      ...headers,
      accept: 'text/event-stream',
      'mcp-session-id': session,
      'last-event-id': last,
    },
  });
  expect(resumed.status).toBe(200);
  const rest = await framesUntil(resumed, /counted/);
  const numbers = rest.flatMap(({ data }) => /"data":(\d)/.exec(data)?.[1] ?? []).map(Number);
  expect(numbers).toEqual([4, 5, 6, 7, 8, 9]);
  expect(rest.at(-1)?.data).toContain('counted');
  expect(new Set([...seen.slice(0, cut + 1), ...rest].map(({ id }) => id)).size).toBe(
    cut + 1 + rest.length,
  );
});
