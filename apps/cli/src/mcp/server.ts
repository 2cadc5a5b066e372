// The tools as an MCP server. The vendor's SDK is a peer: whoever starts the server has it installed.

import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { RequestProblem, type SessionsClient, Unreachable } from '@tidemark/sessions-client';
import { InputMistake, tools } from './tools.ts';

export interface McpOptions {
  readonly client: SessionsClient;
  readonly mayWrite: boolean;
}

const resourcePrefix = 'tidemark://sessions/';

export async function createMcpServer({ client, mayWrite }: McpOptions): Promise<Server> {
  const { Server: McpServer } = await import('@modelcontextprotocol/sdk/server/index.js');
  const schemas = await import('@modelcontextprotocol/sdk/types.js');
  const server = new McpServer(
    { name: 'tidemark', version: '0.1.0' },
    { capabilities: { tools: {}, resources: {} } },
  );
  const allowed = tools.filter(({ isWrite }) => mayWrite || !isWrite);

  server.setRequestHandler(schemas.ListToolsRequestSchema, () => ({
    tools: allowed.map(({ name, description, inputSchema, isWrite }) => ({
      name,
      description,
      inputSchema,
      annotations: { readOnlyHint: !isWrite, openWorldHint: false },
    })),
  }));

  server.setRequestHandler(schemas.CallToolRequestSchema, async ({ params }) => {
    const tool = allowed.find(({ name }) => name === params.name);
    if (tool === undefined) return failed(`there is no tool ${params.name}`);
    try {
      const text = await tool.call(client, params.arguments ?? {});
      return { content: [{ type: 'text', text }] };
    } catch (cause) {
      if (!isTold(cause)) throw cause;
      return failed(cause.message);
    }
  });

  server.setRequestHandler(schemas.ListResourcesRequestSchema, async () => {
    const query = { limit: 50 };
    const { data } = await client.json<{ readonly data: readonly Listed[] }>('/v1/sessions', {
      query,
    });
    return {
      resources: data.map(({ id, title }) => ({
        uri: `${resourcePrefix}${encodeURIComponent(id)}`,
        name: title ?? id,
        mimeType: 'text/plain',
      })),
    };
  });

  server.setRequestHandler(schemas.ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const id = decodeURIComponent(uri.slice(resourcePrefix.length));
    const reading = tools.find(({ name }) => name === 'read_session');
    if (!uri.startsWith(resourcePrefix) || reading === undefined)
      throw new InputMistake('no such resource');
    const text = await reading.call(client, { session_id: id });
    return { contents: [{ uri, mimeType: 'text/plain', text }] };
  });

  return server;
}

interface Listed {
  readonly id: string;
  readonly title: string | null;
}

const isTold = (cause: unknown): cause is Error =>
  cause instanceof InputMistake || cause instanceof RequestProblem || cause instanceof Unreachable;

const failed = (text: string): { content: { type: 'text'; text: string }[]; isError: true } => ({
  content: [{ type: 'text', text }],
  isError: true,
});
