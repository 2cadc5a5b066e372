import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bytesOf, textOf } from '@tidemark/std';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type TextFrame, textFrame } from './text-frame.ts';

const accepting = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer();
let sent: readonly TextFrame[] = [];

beforeAll(async () => {
  server.on('upgrade', (request, socket, head) => {
    accepting.handleUpgrade(request, socket, head, () => {
      for (const { bytes } of sent) socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

/** By a client, message by message. */
async function heard(): Promise<readonly string[]> {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const messages: string[] = [];
  client.on('message', (data: Buffer, isBinary) => {
    messages.push(isBinary ? 'no text' : data.toString());
    if (messages.length === sent.length) client.terminate();
  });
  await once(client, 'close');
  return messages;
}

test('messages of any length are heard as they were made, in order', async () => {
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000];
  const texts = lengths.map((length) => 'x'.repeat(length));
  sent = texts.map((text) => textFrame([text.slice(0, 50), text.slice(50)].map(bytesOf)));
  expect(sent.map(({ payload }) => textOf(payload))).toEqual(texts);
  expect(await heard()).toEqual(texts);
});
