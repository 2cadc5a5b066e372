import { murmur2 } from '@tidemark/std';

const bitsPerKey = 10;
/** At 10 bits a key, 7 probes say "maybe" of one absent key in 120. */
const probes = 7;

/** Tells of a key that it was certainly not added, or that it may have been. */
export class BloomFilter {
  readonly bits: Uint8Array;

  constructor(bits: Uint8Array) {
    this.bits = bits;
  }

  static of(hashes: Iterable<readonly [number, number]>, count: number): BloomFilter {
    const filter = new BloomFilter(
      new Uint8Array(Math.max(8, Math.ceil((count * bitsPerKey) / 8))),
    );
    for (const hash of hashes) filter.#add(hash);
    return filter;
  }

  mayHave(key: Uint8Array): boolean {
    const [first, step] = hashesOf(key);
    const size = this.bits.length * 8;
    for (let probe = 0; probe < probes; probe += 1) {
      const bit = (first + probe * step) % size;
      if (((this.bits[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }

  #add([first, step]: readonly [number, number]): void {
    const size = this.bits.length * 8;
    for (let probe = 0; probe < probes; probe += 1) {
      const bit = (first + probe * step) % size;
      this.bits[bit >>> 3] = (this.bits[bit >>> 3] as number) | (1 << (bit & 7));
    }
  }
}

/** Two hashes of a key; the second is odd, so that probes do not fall on one another. */
export function hashesOf(key: Uint8Array): readonly [number, number] {
  const first = murmur2(key) >>> 0;
  let second = first ^ 0x5bd1e995;
  for (const byte of key) second = Math.imul(second ^ byte, 0x01000193);
  return [first, (second | 1) >>> 0];
}
