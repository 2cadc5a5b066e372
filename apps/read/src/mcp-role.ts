// Sessions as tools for models, at /mcp. A tool asks this very server, over its own address and with the key of
// whoever asks: what it may read is decided where everybody's is. It only reads, unless the operator says
// otherwise; then a key needs the scope to write, as ever.

import type { AddressInfo } from 'node:net';
import { bodyOf, credentialOf, type Edge, headerOf, type Role } from '@tidemark/edge';
import { answerHttp, createMcpServer } from '@tidemark/mcp';
import { Problem } from '@tidemark/protocol';
import { SessionsClient } from '@tidemark/sessions-client';
import { choice } from '@tidemark/std';

export const mcpDeclarations = {
  mcpWrites: choice({
    env: 'TIDEMARK_MCP_WRITES',
    purpose: 'whether models that use /mcp may append events and put facts, where their key may',
    among: ['off', 'on'],
    fallback: 'off',
  }),
} as const;

export interface McpSettings {
  readonly mcpWrites: 'off' | 'on';
}

const atOnceMax = 64;
const bodyBytesMax = 1024 * 1024;
/** The server is there: it is asked through itself. What it refuses is told to the model, which may ask again. */
const attemptsMax = 2;

export const mcpRole =
  ({ mcpWrites }: McpSettings = { mcpWrites: 'off' }): Role =>
  ({ edge }) => {
    const mayWrite = mcpWrites === 'on';
    let underWay = 0;
    edge.post('/mcp', { config: { scope: 'read' } }, async (request, reply) => {
      const body = bodyOf(request);
      if (body.length > bodyBytesMax) {
        const facts = { limit: 'mcpMessageBytesMax', limitBytes: bodyBytesMax };
        throw new Problem('too-large', 'the message is over the limit', { facts });
      }
      if (underWay >= atOnceMax) throw new Problem('overloaded', 'too many models ask at once');
      underWay += 1;
      try {
        const apiKey = credentialOf(request);
        const client = new SessionsClient({ baseUrl: addressOf(edge), apiKey, attemptsMax });
        const server = createMcpServer({ client, mayWrite });
        const version = headerOf(request.headers, 'mcp-protocol-version');
        const told = await answerHttp(server, { body: new TextDecoder().decode(body), version });
        reply.code(told.status).header('cache-control', 'no-store');
        if (told.body === undefined) return reply.send();
        return reply.type('application/json').send(JSON.stringify(told.body));
      } finally {
        underWay -= 1;
      }
    });
    return {};
  };

/** Where this server hears itself. */
function addressOf({ server }: Edge): string {
  const { address, family, port } = server.address() as AddressInfo;
  const isAny = address === '0.0.0.0' || address === '::';
  if (isAny) return `http://127.0.0.1:${port}`;
  return family === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}
