import { Fault, type OpenFile } from '@tidemark/ports';

const namePattern = /^(\d{8})\.log$/;

export const nameOfFile = (number: number): string => `${String(number).padStart(8, '0')}.log`;

export const numberOfFile = (name: string): number | undefined => {
  const digits = namePattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** A shard, as far as a file of its records is concerned: below its start nothing is read any more. */
interface Trimmable {
  readonly start: number;
}

/** One file of the log, open, with what must be trimmed before it can be dropped. */
export class LogFile {
  readonly number: number;
  readonly bytes: number;
  /** Where the next group goes. */
  end = 0;
  /** For each shard with records in this file, where its last one ends. */
  readonly shardEnds = new Map<Trimmable, number>();
  readonly #open: OpenFile;
  #readers = 0;
  #isClosing = false;

  constructor(
    open: OpenFile,
    place: { readonly number: number; readonly bytes: number; readonly end: number },
  ) {
    this.#open = open;
    this.number = place.number;
    this.bytes = place.bytes;
    this.end = place.end;
  }

  get isTrimmed(): boolean {
    for (const [shard, end] of this.shardEnds) if (end > shard.start) return false;
    return true;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#open.writeSynced(bytes, position);
  }

  /** Exactly these bytes. A descriptor is not closed while it is read from. */
  async read(position: number, bytes: number): Promise<Uint8Array> {
    if (this.#isClosing) throw gone(this.number);
    this.#readers += 1;
    try {
      const target = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
      const found = await this.#open.read(target, position);
      if (found < bytes) throw corrupt(this.number, position, 'the file ends inside an entry');
      return target;
    } finally {
      this.#readers -= 1;
      if (this.#isClosing && this.#readers === 0) await this.#open.close();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#readers === 0) await this.#open.close();
  }
}

export const corrupt = (fileNumber: number, position: number, why: string): Fault =>
  new Fault(
    'corrupt',
    `log is corrupt. file=${nameOfFile(fileNumber)} position=${position} why=${why}`,
    { effect: 'none' },
  );

const gone = (fileNumber: number): Fault =>
  new Fault('unavailable', `file was dropped. file=${nameOfFile(fileNumber)}`, { effect: 'none' });
