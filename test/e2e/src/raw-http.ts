// Requests byte by byte, for what no HTTP client would send.

import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
  /** How much was written when the answer began. */
  readonly writtenBytes: number;
}

/** Writes until the answer has come, or until all is written and it has. */
export async function sendRaw(
  url: string,
  pieces: Iterable<string | Uint8Array>,
): Promise<RawAnswer> {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port) });
  socket.on('error', () => undefined);
  let text = '';
  let writtenBytes = 0;
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
      resolve();
    });
    socket.once('close', () => resolve());
  });
  let isAnswered = false;
  void answered.then(() => {
    isAnswered = true;
  });
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (isAnswered || socket.destroyed) break;
    writtenBytes += piece.length;
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), answered]);
  }
  await answered;
  socket.destroy();
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text, writtenBytes };
}
