// Zigzag varints as Kafka's record format has them. Values stay within 32 bits here.

const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

/** Bytes that the varint of a value takes. */
export function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  while (rest >= 0x80) {
    rest >>>= 7;
    bytes += 1;
  }
  return bytes;
}

/** Writes the varint and returns where it ends. */
export function writeVarint(target: Uint8Array, start: number, value: number): number {
  let rest = zigzag(value);
  let at = start;
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}

/** Reads varints one after the other. Running past the end throws a RangeError. */
export class VarintReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = 0;
    let shift = 0;
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte === undefined || shift > 28) throw new RangeError('truncated varint');
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  take(lengthBytes: number): Uint8Array {
    const end = this.at + lengthBytes;
    if (lengthBytes < 0 || end > this.bytes.length) throw new RangeError('truncated bytes');
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}
