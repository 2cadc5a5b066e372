// A file that is being written, of lines or of columns.

import { type FileHandle, open } from 'node:fs/promises';
import { type Column, ParquetWriter } from '@tidemark/parquet';
import type { ReplayedLine } from './replayed-line.ts';

export type FileFormat = 'ndjson' | 'parquet';

/** Fixed: what does not fit a column is in `event`. */
export const eventColumns: readonly Column[] = [
  { name: 'tenant', kind: 'label' },
  { name: 'session', kind: 'label' },
  { name: 'seq', kind: 'whole' },
  { name: 'offset', kind: 'whole' },
  { name: 'id', kind: 'text', isOptional: true },
  { name: 'time', kind: 'time' },
  { name: 'type', kind: 'label', isOptional: true },
  { name: 'level', kind: 'label', isOptional: true },
  { name: 'turn', kind: 'label', isOptional: true },
  { name: 'event', kind: 'json', isOptional: true },
  { name: 'bytes', kind: 'bytes', isOptional: true },
];

/** What an encoder holds before it is written on. */
const heldBytesMax = 1024 * 1024;

export class EventFile {
  readonly #file: FileHandle;
  readonly #encoder: Encoder;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  private constructor(file: FileHandle, encoder: Encoder) {
    this.#file = file;
    this.#encoder = encoder;
  }

  static async create(path: string, format: FileFormat): Promise<EventFile> {
    const encoder = format === 'parquet' ? new ColumnEncoder() : new LineEncoder();
    return new EventFile(await open(path, 'w'), encoder);
  }

  async add(line: ReplayedLine, timeMs: number): Promise<void> {
    this.#encoder.add(line, timeMs);
    this.#hold(this.#encoder.take());
    if (this.#heldBytes >= heldBytesMax) await this.#write();
  }

  #hold(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#held.push(piece);
      this.#heldBytes += piece.length;
    }
  }

  async #write(): Promise<void> {
    await this.#file.writev(this.#held);
    [this.#held, this.#heldBytes] = [[], 0];
  }

  /** It is whole, and durable. */
  async end(): Promise<void> {
    this.#hold(this.#encoder.end());
    await this.#write();
    await this.#file.sync();
    await this.#file.close();
  }
}

interface Encoder {
  add(line: ReplayedLine, timeMs: number): void;
  take(): readonly Uint8Array[];
  end(): readonly Uint8Array[];
}

class LineEncoder implements Encoder {
  #lines: Uint8Array[] = [];

  add({ line }: ReplayedLine): void {
    this.#lines.push(line);
  }

  take(): readonly Uint8Array[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  end(): readonly Uint8Array[] {
    return this.take();
  }
}

class ColumnEncoder implements Encoder {
  readonly #writer = new ParquetWriter(eventColumns);

  add({ head, event, bytes }: ReplayedLine, timeMs: number): void {
    const { tenant, session, seq, offset, id, type, level, turn } = head;
    this.#writer.add([tenant, session, seq, offset, id, timeMs, type, level, turn, event, bytes]);
  }

  take(): readonly Uint8Array[] {
    return this.#writer.take();
  }

  end(): readonly Uint8Array[] {
    return this.#writer.end();
  }
}
