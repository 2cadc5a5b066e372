// An application as the AI SDK's users write it, with chats that are kept here: one route answers, one leads
// back to the answer under way. Its model is a script.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { toDurableStreamResponse } from '@durable-streams/aisdk-transport';
import type { TidemarkChats } from '@tidemark/agent-stores/ai-sdk';
import {
  convertToModelMessages,
  jsonSchema,
  stepCountIs,
  streamText,
  tool,
  type UIMessage,
} from 'ai';
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test';

type ModelStream = Awaited<ReturnType<MockLanguageModelV3['doStream']>>['stream'];
type ModelPart = ModelStream extends ReadableStream<infer Part> ? Part : never;

const count = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0, text: 1, reasoning: 0 };
const ending = (unified: 'stop' | 'tool-calls'): ModelPart => ({
  type: 'finish',
  finishReason: { unified, raw: undefined },
  usage: { inputTokens: count, outputTokens: count },
});

/** Thinks, looks the tide up, and tells it word by word; before the last word it waits. */
export function tideModel(lastWord: Promise<void>): MockLanguageModelV3 {
  const first: ModelPart[] = [
    { type: 'stream-start', warnings: [] },
    { type: 'reasoning-start', id: 'r' },
    { type: 'reasoning-delta', id: 'r', delta: 'I have to look' },
    { type: 'reasoning-end', id: 'r' },
    { type: 'tool-call', toolCallId: 'call-1', toolName: 'tide', input: '{"port":"Brest"}' },
    ending('tool-calls'),
  ];
  const words = ['The ', 'tide ', 'is '].map((delta) => ({
    type: 'text-delta' as const,
    id: 't',
    delta,
  }));
  let calls = 0;
  return new MockLanguageModelV3({
    doStream: () => {
      calls += 1;
      if (calls % 2 === 1) {
        return Promise.resolve({ stream: simulateReadableStream({ chunks: first }) });
      }
      const stream = new ReadableStream<ModelPart>({
        async start(controller) {
          controller.enqueue({ type: 'stream-start', warnings: [] });
          controller.enqueue({ type: 'text-start', id: 't' });
          for (const word of words) controller.enqueue(word);
          await lastWord;
          controller.enqueue({ type: 'text-delta', id: 't', delta: 'out.' });
          controller.enqueue({ type: 'text-end', id: 't' });
          controller.enqueue(ending('stop'));
          controller.close();
        },
      });
      return Promise.resolve({ stream });
    },
  });
}

const tide = tool({
  description: 'the tide at a port',
  inputSchema: jsonSchema<{ port: string }>({
    type: 'object',
    properties: { port: { type: 'string' } },
  }),
  execute: ({ port }) => ({ port, tide: 'out' }),
});

interface Asked {
  readonly id: string;
  readonly messages: UIMessage[];
}

export interface ChatApp extends AsyncDisposable {
  readonly api: string;
  /** What the application has sent to the page last. */
  readonly located: () => string;
}

export async function startChatApp(
  chats: TidemarkChats,
  model: MockLanguageModelV3,
): Promise<ChatApp> {
  let located = '';
  const answer = async (request: IncomingMessage): Promise<Response> => {
    const [, chat] = /^\/api\/chat\/([^/]+)\/stream$/.exec(request.url ?? '') ?? [];
    if (chat !== undefined) return chats.reconnect(decodeURIComponent(chat));
    const { id, messages } = JSON.parse(await text(request)) as Asked;
    const begun = await chats.begin(id, messages);
    const result = streamText({
      model,
      messages: await convertToModelMessages(messages),
      tools: { tide },
      stopWhen: stepCountIs(3),
    });
    const source = result.toUIMessageStream({
      originalMessages: messages,
      sendReasoning: true,
      onFinish: ({ messages: all }) => begun.end(all),
    });
    return toDurableStreamResponse({ source, stream: begun.stream });
  };
  const server = createServer((request, response) => {
    answer(request).then(
      async (told) => {
        located = told.headers.get('location') ?? '';
        response.writeHead(told.status, Object.fromEntries(told.headers));
        response.end(await told.text());
      },
      (cause: unknown) => {
        response.writeHead(500);
        response.end(String(cause));
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    api: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`,
    located: () => located,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
