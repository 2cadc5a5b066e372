// A model on loopback that says what its script says: the streamed Messages API, as far as the Claude Agent SDK
// asks for it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: object;
    };

export interface ModelRequest {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export interface ScriptedModel extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ModelRequest[];
}

export async function startScriptedModel(
  script: (request: ModelRequest) => readonly Block[],
): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    request.on('end', () => {
      if (request.method !== 'POST' || !(request.url ?? '').startsWith('/v1/messages?')) {
        response.writeHead(404).end('{}');
        return;
      }
      const asked = JSON.parse(text) as ModelRequest;
      requests.push(asked);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const frame of framesOf(script(asked), requests.length)) {
        response.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
      }
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

function framesOf(blocks: readonly Block[], number: number): readonly Frame[] {
  const usage = { input_tokens: 11, output_tokens: 7 };
  const message = {
    id: `msg_${number}`,
    type: 'message',
    role: 'assistant',
    model: 'scripted',
    content: [],
  };
  const hasCall = blocks.some(({ type }) => type === 'tool_use');
  const stop = { stop_reason: hasCall ? 'tool_use' : 'end_turn', stop_sequence: null };
  return [
    {
      type: 'message_start',
      message: { ...message, stop_reason: null, stop_sequence: null, usage },
    },
    ...blocks.flatMap((block, index) => blockFrames(block, index)),
    { type: 'message_delta', delta: stop, usage },
    { type: 'message_stop' },
  ];
}

function blockFrames(block: Block, index: number): readonly Frame[] {
  const [empty, delta] =
    block.type === 'text'
      ? [
          { type: 'text', text: '' },
          { type: 'text_delta', text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
        ];
  return [
    { type: 'content_block_start', index, content_block: empty },
    { type: 'content_block_delta', index, delta },
    { type: 'content_block_stop', index },
  ];
}
