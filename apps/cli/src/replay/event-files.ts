// A file that is being written, of lines or of columns.

import { type FileHandle, open } from 'node:fs/promises';
import {
  type EventEncoder,
  type EventFormat,
  type EventLine,
  eventEncoder,
} from '@tidemark/parquet';

/** What an encoder holds before it is written on. */
const heldBytesMax = 1024 * 1024;

export class EventFile {
  readonly #file: FileHandle;
  readonly #encoder: EventEncoder;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  private constructor(file: FileHandle, encoder: EventEncoder) {
    this.#file = file;
    this.#encoder = encoder;
  }

  static async create(path: string, format: EventFormat): Promise<EventFile> {
    return new EventFile(await open(path, 'w'), eventEncoder(format));
  }

  async add(line: EventLine, timeMs: number): Promise<void> {
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
