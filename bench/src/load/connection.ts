// HTTP/1.1 on a bare socket, one request at a time, its bytes built beforehand: the generator must
// cost less than what it measures.

import { connect, type Socket } from 'node:net';
import type { Target } from './orders.ts';

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export function requestBytes({ method, path, headers = {}, body }: RequestParts): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === 'GET' ? '' : `Content-Length: ${body?.length ?? 0}\r\n`;
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}${length}\r\n`;
  return Buffer.concat([Buffer.from(head), body ?? new Uint8Array()]);
}

export const jsonHeaders = { 'Content-Type': 'application/json' } as const;

export const producerHeaders = (id: string, seq: number): Readonly<Record<string, string>> => ({
  'Producer-Id': id,
  'Producer-Epoch': '0',
  'Producer-Seq': String(seq),
});

const headEndMark = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

type OnAnswer = (status: number, answer: Buffer) => void;

export class Connection {
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #onAnswer: OnAnswer | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const onAnswer = this.#onAnswer;
      this.#onAnswer = undefined;
      onAnswer?.(0, Buffer.from('connection lost'));
    });
  }

  static open({ host, port }: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  get isBusy(): boolean {
    return this.#onAnswer !== undefined;
  }

  send(request: Buffer, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    this.#socket.write(request);
  }

  /** Status 0 where the connection ended instead. */
  ask(request: Buffer): Promise<{ readonly status: number; readonly answer: Buffer }> {
    return new Promise((resolve) => {
      // A buffer of the socket's is only lent.
      this.send(request, (status, answer) => resolve({ status, answer: Buffer.from(answer) }));
    });
  }

  #take(chunk: Buffer): void {
    const data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    const headEnd = data.indexOf(headEndMark);
    if (headEnd < 0 || !isWhole(data, headEnd + 4)) {
      this.#rest = data;
      return;
    }
    this.#rest = undefined;
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    onAnswer?.(statusOf(data), data);
  }

  close(): void {
    this.#socket.destroy();
  }
}

export const statusOf = (data: Buffer): number =>
  ((data[9] ?? 48) - 48) * 100 + ((data[10] ?? 48) - 48) * 10 + ((data[11] ?? 48) - 48);

function isWhole(data: Buffer, headBytes: number): boolean {
  const status = statusOf(data);
  if (status === 204 || status === 304) return true;
  const head = data.toString('latin1', 0, headBytes);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return data.length >= headBytes + Number(length);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    return data.subarray(-lastChunk.length).equals(lastChunk);
  }
  return true;
}

export function headerOf(answer: Buffer, name: string): string | undefined {
  const head = answer.toString('latin1', 0, answer.indexOf(headEndMark) + 2);
  return new RegExp(`\\r\\n${name}: *([^\\r]*)\\r\\n`, 'i').exec(head)?.[1];
}
