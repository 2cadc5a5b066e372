// Varints, the low seven bits first: zigzag ones as Kafka's record format has them, within 32 bits, and
// unsigned ones of any safe integer.

const moreBit = 0x80;
const lowBits = 0x7f;

const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

/** Bytes that the varint of a value takes. */
export function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  while (rest >= moreBit) {
    rest >>>= 7;
    bytes += 1;
  }
  return bytes;
}

/** Writes the varint and returns where it ends. */
export function writeVarint(target: Uint8Array, start: number, value: number): number {
  let rest = zigzag(value);
  let at = start;
  while (rest >= moreBit) {
    target[at] = (rest & lowBits) | moreBit;
    rest >>>= 7;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}

/** Bytes that the unsigned varint of a value takes. */
export function unsignedVarintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > lowBits; rest = Math.floor(rest / moreBit)) bytes += 1;
  return bytes;
}

/** Writes the unsigned varint and returns where it ends. */
export function writeUnsignedVarint(target: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > lowBits; rest = Math.floor(rest / moreBit)) {
    target[at] = (rest % moreBit) | moreBit;
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
      value |= (byte & lowBits) << shift;
      if (byte < moreBit) break;
      shift += 7;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  nextUnsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= moreBit) {
      const byte = this.bytes[this.at];
      if (byte === undefined || scale > 2 ** 49) throw new RangeError('truncated varint');
      this.at += 1;
      value += (byte & lowBits) * scale;
      if (byte < moreBit) return value;
    }
  }

  take(lengthBytes: number): Uint8Array {
    const start = this.at;
    this.pass(lengthBytes);
    return this.bytes.subarray(start, this.at);
  }

  pass(lengthBytes: number): void {
    const end = this.at + lengthBytes;
    if (lengthBytes < 0 || end > this.bytes.length) throw new RangeError('truncated bytes');
    this.at = end;
  }
}
