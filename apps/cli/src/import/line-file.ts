// Lines of a file that another program is still writing: what has no end yet is not read.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';

export interface FileLine {
  readonly text: string;
  /** Where the next one begins. */
  readonly endBytes: number;
}

const chunkBytes = 1024 * 1024;
const newline = 0x0a;

/** How a file begins: another beginning is another file, whatever its name. */
export interface FileHead {
  readonly bytes: number;
  readonly digest: string;
}

const headBytesMax = 4_096;

export interface OpenedFile extends AsyncDisposable {
  readonly size: number;
  readonly head: (bytes?: number) => Promise<FileHead>;
  readonly lines: (fromBytes: number) => AsyncGenerator<FileLine>;
}

export async function openLines(path: string): Promise<OpenedFile> {
  const file = await open(path);
  const { size: stored } = await file.stat();
  const whole = path.endsWith('.zst') ? zstdDecompressSync(await file.readFile()) : undefined;
  const size = whole?.length ?? stored;
  const read = async (at: number, bytes: number): Promise<Uint8Array> =>
    whole?.subarray(at, at + bytes) ?? readAt(file, at, bytes);
  return {
    size,
    head: async (bytes = headBytesMax) => {
      const head = await read(0, Math.min(bytes, size));
      return { bytes: head.length, digest: createHash('sha256').update(head).digest('hex') };
    },
    lines: (fromBytes) => linesFrom(read, fromBytes),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, at);
  return buffer.subarray(0, bytesRead);
}

type Read = (at: number, bytes: number) => Promise<Uint8Array>;

async function* linesFrom(read: Read, fromBytes: number): AsyncGenerator<FileLine> {
  let pieces: Uint8Array[] = [];
  for (let at = fromBytes; ; ) {
    const chunk = await read(at, chunkBytes);
    if (chunk.length === 0) return;
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end));
      const text = Buffer.concat(pieces).toString('utf8');
      pieces = [];
      start = end + 1;
      yield { text, endBytes: at + start };
    }
    pieces.push(chunk.subarray(start));
    at += chunk.length;
  }
}
