const moreBit = 0x80;
const lowBits = 0x7f;

/** Grows by doubling. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(4_096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    for (; rest > lowBits; rest = Math.floor(rest / moreBit)) {
      this.#buffer[this.#length] = (rest % moreBit) | moreBit;
      this.#length += 1;
    }
    this.#buffer[this.#length] = rest;
    this.#length += 1;
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
    const taken = Uint8Array.from(this.#buffer.subarray(0, this.#length));
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
export class ByteReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= moreBit) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || scale > 2 ** 49) throw new RangeError('truncated varint');
      this.at += 1;
      value += (byte & lowBits) * scale;
      if (byte < moreBit) return value;
    }
  }

  uint32(): number {
    const bytes = this.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  bytes(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError('truncated bytes');
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}
