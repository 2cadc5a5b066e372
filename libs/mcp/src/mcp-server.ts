// The Model Context Protocol as tools and resources need it: JSON-RPC, of which each message is answered by
// itself. Nothing is sent unasked, and nothing is remembered between two messages.

import { isProblem, type SessionsClient } from '@tidemark/sessions-client';
import { isObject } from './event-text.ts';
import { InputMistake, listedSessions, readSession, type Tool, tools } from './tools.ts';

export interface McpOptions {
  readonly client: SessionsClient;
  readonly mayWrite: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

export interface McpServer {
  /** Undefined where the message asks for no answer. */
  readonly answer: (message: unknown) => Promise<Fields | undefined>;
}

/** The newest first. */
export const protocolVersions: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
];

const errorCodes = { invalidRequest: -32_600, unknownMethod: -32_601, invalidParams: -32_602 };
const internalError = -32_603;
const resourcePrefix = 'tidemark://sessions/';

/** Told as an error of the protocol. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type Method = (params: Fields) => Promise<Fields> | Fields;

export function createMcpServer(options: McpOptions): McpServer {
  const methods = methodsOf(options);
  return {
    answer: async (message) => {
      if (!isObject(message) || message['jsonrpc'] !== '2.0') {
        return failure(null, new Refused(errorCodes.invalidRequest, 'no JSON-RPC message'));
      }
      const { id, method, params } = message;
      if (typeof method !== 'string' || id === undefined || id === null) return undefined;
      const run = methods.get(method);
      try {
        if (run === undefined) throw new Refused(errorCodes.unknownMethod, `no method ${method}`);
        return { jsonrpc: '2.0', id, result: await run(isObject(params) ? params : {}) };
      } catch (cause) {
        return failure(id, cause);
      }
    },
  };
}

export function failure(id: unknown, cause: unknown): Fields {
  const isRefused = cause instanceof Refused;
  if (!isRefused && !isTold(cause)) throw cause;
  const code = isRefused
    ? cause.code
    : cause instanceof InputMistake
      ? errorCodes.invalidParams
      : internalError;
  return { jsonrpc: '2.0', id, error: { code, message: cause.message } };
}

function methodsOf({ client, mayWrite }: McpOptions): ReadonlyMap<string, Method> {
  const allowed = tools.filter(({ isWrite }) => mayWrite || !isWrite);
  return new Map<string, Method>([
    ['initialize', initialized],
    ['ping', () => ({})],
    ['tools/list', () => ({ tools: allowed.map(toldTool) })],
    ['tools/call', (params) => called({ client, allowed }, params)],
    ['resources/list', (params) => listedResources(client, params)],
    ['resources/read', (params) => resource(client, params)],
    ['resources/templates/list', () => ({ resourceTemplates: [template] })],
  ]);
}

function initialized({ protocolVersion: asked }: Fields): Fields {
  const isKnown = typeof asked === 'string' && protocolVersions.includes(asked);
  return {
    protocolVersion: isKnown ? asked : protocolVersions[0],
    capabilities: { tools: {}, resources: {} },
    serverInfo: { name: 'tidemark', version: '0.1.0' },
  };
}

const toldTool = ({ name, description, inputSchema, isWrite }: Tool): Fields => ({
  name,
  description,
  inputSchema,
  annotations: { readOnlyHint: !isWrite, openWorldHint: false },
});

interface Calling {
  readonly client: SessionsClient;
  readonly allowed: readonly Tool[];
}

/** A mistake is told to the model, which can do better. */
async function called({ client, allowed }: Calling, params: Fields): Promise<Fields> {
  const { name, arguments: input } = params;
  const tool = allowed.find((each) => each.name === name);
  if (tool === undefined) return failed(`there is no tool ${String(name)}`);
  try {
    const text = await tool.call(client, isObject(input) ? input : {});
    return { content: [{ type: 'text', text }] };
  } catch (cause) {
    if (!isTold(cause)) throw cause;
    return failed(cause.message);
  }
}

const isTold = (cause: unknown): cause is Error =>
  cause instanceof InputMistake || isProblem(cause);

const failed = (text: string): Fields => ({ content: [{ type: 'text', text }], isError: true });

const template: Fields = {
  uriTemplate: `${resourcePrefix}{session_id}`,
  name: 'session',
  description: 'the last events of a session',
  mimeType: 'text/plain',
};

const resourcesMax = 50;

async function listedResources(client: SessionsClient, { cursor }: Fields): Promise<Fields> {
  const page = typeof cursor === 'string' ? cursor : undefined;
  const { data, next_page: next } = await listedSessions(client, { limit: resourcesMax, page });
  const resources = data.map(({ id, title }) => ({
    uri: `${resourcePrefix}${encodeURIComponent(id)}`,
    name: title ?? id,
    mimeType: 'text/plain',
  }));
  return { resources, ...(next === null ? {} : { nextCursor: next }) };
}

async function resource(client: SessionsClient, { uri }: Fields): Promise<Fields> {
  const id = typeof uri === 'string' && uri.startsWith(resourcePrefix) ? idIn(uri) : '';
  if (id === '') throw new InputMistake('no such resource');
  const text = await readSession(client, { session_id: id });
  return { contents: [{ uri, mimeType: 'text/plain', text }] };
}

function idIn(uri: string): string {
  try {
    return decodeURIComponent(uri.slice(resourcePrefix.length));
  } catch {
    return '';
  }
}
