// A message, or some, as the body of a request: answered as JSON, in the answer to that request. No stream of
// its own is offered, and no session: a GET or DELETE is nothing that this path takes.

import { type McpServer, protocolVersions } from './mcp-server.ts';

export interface HttpAnswer {
  readonly status: number;
  /** As JSON; undefined where nothing is to be told. */
  readonly body: unknown;
}

export interface HttpMessage {
  readonly body: string;
  /** Of the header `mcp-protocol-version`. */
  readonly version: string | undefined;
}

/** Of one request, as older clients send them. */
const messagesMax = 32;

export async function answerHttp(
  server: McpServer,
  { body, version }: HttpMessage,
): Promise<HttpAnswer> {
  if (version !== undefined && !protocolVersions.includes(version)) {
    return refusal(-32_600, `this version of the protocol is not spoken: ${version.slice(0, 32)}`);
  }
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return refusal(-32_700, 'not JSON');
  }
  if (!Array.isArray(message)) return told(await server.answer(message));
  if (message.length === 0 || message.length > messagesMax) {
    return refusal(-32_600, `1 to ${messagesMax} messages a request`);
  }
  const answers: unknown[] = [];
  for (const each of message) {
    const answer = await server.answer(each);
    if (answer !== undefined) answers.push(answer);
  }
  return told(answers.length === 0 ? undefined : answers);
}

const told = (body: unknown): HttpAnswer => ({ status: body === undefined ? 202 : 200, body });

const refusal = (code: number, message: string): HttpAnswer => ({
  status: 400,
  body: { jsonrpc: '2.0', id: null, error: { code, message } },
});
