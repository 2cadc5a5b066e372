import { Fault, type OpenFile } from '@tidemark/ports';
import { assert } from '@tidemark/std';

const namePattern = /^(\d{8})\.log$/;

export const nameOfFile = (number: number): string => `${String(number).padStart(8, '0')}.log`;

export const numberOfFile = (name: string): number | undefined => {
  const digits = namePattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** One file of the log, open, with what of it is still read. */
export class LogFile {
  readonly number: number;
  readonly bytes: number;
  /** Where the next group goes. */
  end = 0;
  readonly #open: OpenFile;
  #batchBytes = 0;
  #liveBytes = 0;
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

  /** Of all its entries of batches. */
  get batchBytes(): number {
    return this.#batchBytes;
  }

  /** Of those that the shards' indexes still name. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  addBatch(bytes: number): void {
    this.#batchBytes += bytes;
  }

  addLive(bytes: number): void {
    this.#liveBytes += bytes;
    assert(this.#liveBytes >= 0, 'what is let go of was live');
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
