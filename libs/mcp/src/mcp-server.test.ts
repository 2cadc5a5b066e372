// The protocol's messages, and what is none, over a server that is a function.

import { SessionsClient } from '@tidemark/sessions-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerHttp } from './mcp-http.ts';
import { createMcpServer, type McpServer } from './mcp-server.ts';

const asked: string[] = [];

function serverWith(answers: Readonly<Record<string, unknown>> = {}, mayWrite = false): McpServer {
  const fetch = (url: string | URL | Request): Promise<Response> => {
    const { pathname, search } = new URL(url as string);
    asked.push(`${pathname}${search}`);
    const body = answers[pathname];
    const error = { error: { code: 'session-not-found', message: 'no such session' } };
    return Promise.resolve(
      Response.json(body ?? error, { status: body === undefined ? 404 : 200 }),
    );
  };
  const client = new SessionsClient({ baseUrl: 'http://sessions.test', fetch });
  return createMcpServer({ client, mayWrite });
}

const request = (method: string, params: unknown = {}, id: unknown = 1): unknown => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});

const resultOf = async (server: McpServer, method: string, params?: unknown): Promise<unknown> =>
  (await server.answer(request(method, params)))?.['result'];

test('the version that is asked for is spoken where it is known, and the newest else', async () => {
  const spoken = async (protocolVersion: unknown): Promise<unknown> =>
    (
      (await resultOf(serverWith(), 'initialize', { protocolVersion })) as {
        protocolVersion: unknown;
      }
    ).protocolVersion;
  expect(await spoken('2025-06-18')).toBe('2025-06-18');
  expect(await spoken('1999-01-01')).toBe('2025-11-25');
  expect(await spoken(7)).toBe('2025-11-25');
});

test('what asks for no answer has none, and what is no message is told so', async () => {
  const server = serverWith();
  expect(
    await server.answer({ jsonrpc: '2.0', method: 'notifications/initialized' }),
  ).toBeUndefined();
  expect(await server.answer({ jsonrpc: '2.0', id: 3, result: {} })).toBeUndefined();
  for (const message of [null, 7, 'x', [], {}, { id: 1, method: 'ping' }]) {
    expect(await server.answer(message)).toMatchObject({ id: null, error: { code: -32_600 } });
  }
  expect(await server.answer(request('no/such'))).toMatchObject({
    id: 1,
    error: { code: -32_601 },
  });
  expect(await server.answer(request('ping', undefined, 'a'))).toEqual({
    jsonrpc: '2.0',
    id: 'a',
    result: {},
  });
});

test('a tool that writes is not there for who may only read', async () => {
  const namesOf = async (server: McpServer): Promise<string[]> =>
    ((await resultOf(server, 'tools/list')) as { tools: { name: string }[] }).tools.map(
      ({ name }) => name,
    );
  expect(await namesOf(serverWith())).not.toContain('append_event');
  expect(await namesOf(serverWith({}, true))).toContain('append_event');
  const call = { name: 'append_event', arguments: { session_id: 'a', type: 't', text: 'x' } };
  asked.length = 0;
  expect(await resultOf(serverWith(), 'tools/call', call)).toMatchObject({ isError: true });
  expect(asked).toEqual([]);
});

test('what the server refuses is told to the model; a resource that is none to the client', async () => {
  const server = serverWith();
  const call = { name: 'read_session', arguments: { session_id: 'none' } };
  expect(await resultOf(server, 'tools/call', call)).toEqual({
    content: [{ type: 'text', text: 'no such session' }],
    isError: true,
  });
  for (const uri of [
    'tidemark://elsewhere/x',
    'tidemark://sessions/',
    'tidemark://sessions/%',
    1,
  ]) {
    const answer = await server.answer(request('resources/read', { uri }));
    expect(answer).toMatchObject({ error: { code: -32_602, message: 'no such resource' } });
  }
});

test('resources are listed a page after the other', async () => {
  const listed = { data: [{ id: 'a b', title: null }], next_page: 'more' };
  const server = serverWith({ '/v1/sessions': listed });
  expect(await resultOf(server, 'resources/list')).toEqual({
    resources: [{ uri: 'tidemark://sessions/a%20b', name: 'a b', mimeType: 'text/plain' }],
    nextCursor: 'more',
  });
  asked.length = 0;
  await resultOf(server, 'resources/list', { cursor: 'more' });
  expect(asked[0]).toContain('page=more');
});

test('over HTTP: one message, some, none that is JSON, and a version that nobody speaks', async () => {
  const server = serverWith();
  const over = (body: string, version?: string): ReturnType<typeof answerHttp> =>
    answerHttp(server, { body, version });
  const ping = request('ping');
  const told = { jsonrpc: '2.0', id: 1, result: {} };
  expect(await over(JSON.stringify(ping))).toEqual({ status: 200, body: told });
  const notice = { jsonrpc: '2.0', method: 'notifications/cancelled' };
  expect(await over(JSON.stringify(notice))).toEqual({ status: 202, body: undefined });
  expect(await over(JSON.stringify([notice]))).toEqual({ status: 202, body: undefined });
  expect(await over(JSON.stringify([ping, notice]), '2025-03-26')).toEqual({
    status: 200,
    body: [told],
  });
  for (const body of ['', '{', '[]', JSON.stringify(Array.from({ length: 33 }, () => ping))]) {
    expect((await over(body)).status).toBe(400);
  }
  expect((await over(JSON.stringify(ping), '2024-01-01')).status).toBe(400);
});

test('whatever comes is answered, or needs no answer', async () => {
  const server = serverWith({ '/v1/sessions': { data: [], next_page: null } }, true);
  const params = fc.oneof(
    fc.jsonValue(),
    fc.record({
      name: fc.constantFrom('search_sessions', 'read_session', 'list_sessions', 'put_fact', 'x'),
      arguments: fc.oneof(
        fc.jsonValue(),
        fc.record({ session_id: fc.jsonValue(), query: fc.jsonValue(), limit: fc.jsonValue() }),
      ),
      uri: fc.jsonValue(),
    }),
  );
  const method = fc.oneof(
    fc.string(),
    fc.constantFrom('initialize', 'tools/call', 'resources/read', 'resources/list'),
  );
  const message = fc.oneof(
    fc.jsonValue(),
    fc.record({ jsonrpc: fc.constant('2.0'), id: fc.jsonValue(), method, params }),
  );
  await fc.assert(
    fc.asyncProperty(message, async (each) => {
      const answer = await server.answer(each);
      expect(answer ?? { jsonrpc: '2.0' }).toMatchObject({ jsonrpc: '2.0' });
    }),
    { numRuns: 300 },
  );
});
