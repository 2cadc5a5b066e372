// The bytes of a page, in pieces: none of its events lies in two of them.
//
// (1) What was appended is in one piece that grows, however much of it there is.
// (2) What is read again is kept in the memory that it came in, where it is most of it: new memory is dear to touch.

/** Most sessions have a few small events, and there are many of them. */
const firstBytes = 256;
/** Behind a page that is full. What a page outgrows is garbage, and outside the heap that is dear. */
const nextBytes = 262_144;
export const pageBytesMax = 1_048_576;

interface Piece {
  readonly bytes: Uint8Array;
  /** Where the piece begins and ends, of all bytes. */
  readonly start: number;
  readonly end: number;
}

/** Of most pages, of which there are many. */
const noPieces: readonly Piece[] = [];

export class ServedBytes {
  /** Before those that grow. */
  #pieces: readonly Piece[] = noPieces;
  #pieceBytes = 0;
  #grown: Uint8Array = new Uint8Array(0);
  /** Where those that grow begin. */
  #grownAt = 0;
  #length = 0;
  /** Reserved with the next that has to be. */
  #leastBytes: number;
  readonly #isSized: boolean;

  private constructor(leastBytes: number, isSized: boolean) {
    this.#leastBytes = leastBytes;
    this.#isSized = isSized;
  }

  static behind(lengthBefore: number): ServedBytes {
    return new ServedBytes(lengthBefore < nextBytes ? firstBytes : nextBytes, false);
  }

  /** For so many in all: no more is reserved than they take. */
  static sized(lengthBytes: number): ServedBytes {
    return new ServedBytes(lengthBytes, true);
  }

  get length(): number {
    return this.#length;
  }

  /** In memory. */
  get costBytes(): number {
    return this.#pieceBytes + this.#grown.length;
  }

  append(bytes: Uint8Array, behind?: number): void {
    this.#reserve(bytes.length + (behind === undefined ? 0 : 1));
    this.#grown.set(bytes, this.#length - this.#grownAt);
    this.#length += bytes.length;
    if (behind === undefined) return;
    this.#grown[this.#length - this.#grownAt] = behind;
    this.#length += 1;
  }

  /** Says whether they are kept where they are: then they are nobody else's. */
  take(bytes: Uint8Array): boolean {
    const memoryBytes = bytes.buffer.byteLength;
    if (2 * bytes.length < memoryBytes) {
      this.append(bytes);
      return false;
    }
    this.#endGrown();
    this.#keep(bytes, memoryBytes);
    this.#length += bytes.length;
    this.#grownAt = this.#length;
    return true;
  }

  /** Those from one place to another. */
  parts(start: number, end: number): readonly Uint8Array[] {
    if (this.#pieces.length === 0) return [this.#grown.subarray(start, end)];
    const parts: Uint8Array[] = [];
    for (const piece of this.#pieces) {
      if (piece.end <= start) continue;
      if (piece.start >= end) return parts;
      parts.push(within(piece, start, end));
    }
    if (end > this.#grownAt) parts.push(within(this.#growing, start, end));
    return parts;
  }

  /** Of one event. */
  part(start: number, end: number): Uint8Array {
    const piece = this.#pieces.find((each) => each.end >= end) ?? this.#growing;
    return piece.bytes.subarray(start - piece.start, end - piece.start);
  }

  get #growing(): Piece {
    return { bytes: this.#grown, start: this.#grownAt, end: this.#length };
  }

  #keep(bytes: Uint8Array, memoryBytes: number): void {
    const start = this.#grownAt;
    this.#pieces = [...this.#pieces, { bytes, start, end: start + bytes.length }];
    this.#pieceBytes += memoryBytes;
    if (this.#isSized) this.#leastBytes = Math.max(0, this.#leastBytes - bytes.length);
  }

  /** Others are kept behind them. What was reserved, and is not needed now, is given back. */
  #endGrown(): void {
    const used = this.#length - this.#grownAt;
    const [grown, isMost] = [this.#grown, 2 * used >= this.#grown.length];
    this.#grown = new Uint8Array(0);
    if (used === 0) return;
    const bytes = isMost ? grown.subarray(0, used) : new Uint8Array(grown.subarray(0, used));
    this.#keep(bytes, bytes.buffer.byteLength);
    this.#grownAt = this.#length;
  }

  #reserve(bytes: number): void {
    const used = this.#length - this.#grownAt;
    const needed = used + bytes;
    const had = this.#grown.length;
    if (needed <= had) return;
    let size = Math.max(this.#leastBytes, had, 1);
    while (size < needed && size < pageBytesMax) size *= size < nextBytes ? 2 : 4;
    // Earlier ranges stay valid: they look at the old buffer, whose bytes never change.
    // Not zeroed: only what was written is ever looked at.
    const larger = Buffer.allocUnsafeSlow(Math.max(size, needed));
    larger.set(this.#grown.subarray(0, used));
    this.#grown = larger;
  }
}

function within({ bytes, start, end }: Piece, from: number, to: number): Uint8Array {
  return bytes.subarray(Math.max(from, start) - start, Math.min(to, end) - start);
}
