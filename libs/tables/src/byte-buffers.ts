import { VarintReader, writeUnsignedVarint } from '@tidemark/std';

/** Grows by doubling. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(4_096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  varint(value: number): void {
    this.#reserve(8);
    this.#length = writeUnsignedVarint(this.#buffer, this.#length, value);
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A copy of what was written; what follows begins anew. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Running past the end throws a RangeError. */
export class ByteReader extends VarintReader {
  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  skip(lengthBytes: number): void {
    if (this.at + lengthBytes > this.bytes.length) throw new RangeError('truncated bytes');
    this.at += lengthBytes;
  }

  uint32(): number {
    const bytes = this.take(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }
}
