// Lengths of documents in a byte each: below 32 as they are, above so that no length is a sixteenth longer than the
// shortest of its code. Who is scored by the shortest is given no less than by its own length.

const exactBits = 5;
const exactEnd = 1 << exactBits;
const stepBits = 4;
const stepMask = (1 << stepBits) - 1;
export const lengthCodeBits = 8;
export const lengthCodes: number = 1 << lengthCodeBits;
/** Of no length: a document of this code is given nothing. */
export const noLengthCode = lengthCodes - 1;

export function codeOfLength(length: number): number {
  if (length < exactEnd) return length;
  const bits = 31 - Math.clz32(length);
  const step = (length >>> (bits - stepBits)) & stepMask;
  return Math.min(noLengthCode - 1, exactEnd + ((bits - exactBits) << stepBits) + step);
}

/** The shortest of the lengths with a code. */
export function leastLengthOf(code: number): number {
  if (code < exactEnd) return code;
  const bits = exactBits + ((code - exactEnd) >>> stepBits);
  return (1 << bits) + ((code & stepMask) << (bits - stepBits));
}

/** Lengths of documents that follow one another, each also as its code. */
export class DocumentLengths {
  readonly codes: Uint8Array;
  /** Nearly always two bytes are enough. */
  #values: Uint16Array | Uint32Array;

  constructor(count: number) {
    this.codes = new Uint8Array(count);
    this.#values = new Uint16Array(count);
  }

  get costBytes(): number {
    return this.codes.byteLength + this.#values.byteLength;
  }

  get values(): Uint16Array | Uint32Array {
    return this.#values;
  }

  /** From a place on. */
  set(lengths: ArrayLike<number>, start: number): void {
    for (let at = 0; at < lengths.length; at += 1) {
      const length = lengths[at] as number;
      if (length > 0xffff && this.#values instanceof Uint16Array) {
        this.#values = Uint32Array.from(this.#values);
      }
      this.#values[start + at] = length;
      this.codes[start + at] = codeOfLength(length);
    }
  }
}
