import { bytesOf, concatBytes } from './bytes.ts';

const chunkBytes = 16_384;
const pieceBytesMax = chunkBytes / 4;
/** Of UTF-8, of one unit of a string. */
const unitBytesMax = 3;

const encoder = new TextEncoder();

/**
 * Bytes that are needed for a moment, one piece behind another. Memory of its own would cost a piece of a few hundred
 * bytes a microsecond, lie outside the heap, and scatter what is free there.
 *
 * A piece keeps its whole chunk: what stays is copied.
 */
export class Arena {
  #chunk = new Uint8Array(0);
  #at = 0;

  /** All of them zero. */
  take(bytes: number): Uint8Array {
    if (bytes > pieceBytesMax) return new Uint8Array(bytes);
    this.#reserve(bytes);
    const from = this.#at;
    this.#at += bytes;
    return this.#chunk.subarray(from, this.#at);
  }

  /** A text, and other bytes behind it. */
  join(text: string, rest: Uint8Array): Uint8Array {
    const bytesMax = unitBytesMax * text.length + rest.length;
    if (bytesMax > pieceBytesMax) return concatBytes([bytesOf(text), rest]);
    this.#reserve(bytesMax);
    const from = this.#at;
    const { written } = encoder.encodeInto(text, this.#chunk.subarray(from, from + bytesMax));
    this.#chunk.set(rest, from + written);
    this.#at = from + written + rest.length;
    return this.#chunk.subarray(from, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return;
    this.#chunk = new Uint8Array(chunkBytes);
    this.#at = 0;
  }
}
