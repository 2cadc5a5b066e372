// Kafka's primitive types, in the versions of its requests that know no compact ones.
//
// frame := size:i32 api-key:i16 api-version:i16 correlation:i32 client-id:string body

export interface Api {
  readonly key: number;
  readonly version: number;
  readonly name: string;
}

const correlationAt = 8;

export class FrameWriter {
  readonly api: Api;
  #buffer: Buffer;
  #at = 0;

  constructor(api: Api, clientId: string, sizeHint = 256) {
    this.api = api;
    this.#buffer = Buffer.allocUnsafe(64 + clientId.length + sizeHint);
    this.int32(0).int16(api.key).int16(api.version).int32(0).string(clientId);
  }

  #room(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(this.#at * 2);
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }

  int8(value: number): this {
    const at = this.#room(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#room(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#room(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  int64(value: bigint): this {
    const at = this.#room(8);
    this.#buffer.writeBigInt64BE(value, at);
    return this;
  }

  string(text: string): this {
    const bytes = Buffer.byteLength(text);
    this.int16(bytes);
    const at = this.#room(bytes);
    this.#buffer.write(text, at);
    return this;
  }

  /** Lets `write` fill so many bytes in place. */
  block(bytes: number, write: (target: Buffer, at: number) => void): this {
    const at = this.#room(bytes);
    write(this.#buffer, at);
    return this;
  }

  array<T>(items: Iterable<T> & { readonly length: number }, write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** The whole frame. The writer is not used after it. */
  finish(correlationId: number): Buffer {
    this.#buffer.writeInt32BE(this.#at - 4, 0);
    this.#buffer.writeInt32BE(correlationId, correlationAt);
    return this.#buffer.subarray(0, this.#at);
  }
}

/** Reading past the end throws a RangeError. */
export class WireReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#buffer.length) throw new RangeError('response is cut short');
    return at;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  /** Absent text reads as empty. */
  string(): string {
    const bytes = this.int16();
    if (bytes <= 0) return '';
    const at = this.#take(bytes);
    return this.#buffer.toString('utf8', at, at + bytes);
  }

  /** Absent bytes read as empty. A view, not a copy. */
  bytes(): Buffer {
    const bytes = Math.max(0, this.int32());
    const at = this.#take(bytes);
    return this.#buffer.subarray(at, at + bytes);
  }

  /** An absent array reads as empty. */
  array<T>(read: () => T): T[] {
    const count = this.int32();
    if (count > this.#buffer.length) throw new RangeError('array count out of range');
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(read());
    return items;
  }
}
