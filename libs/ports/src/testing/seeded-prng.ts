import { assert, bytesOf, hexOf, murmur2 } from '@tidemark/std';
import type { Prng } from '../prng.ts';

/** sfc32: small, fast and good enough to draw faults. Not for secrets. */
export class SeededPrng implements Prng {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.seed = seed;
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = 0x9e3779b9;
    for (let round = 0; round < 15; round += 1) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) bytes[at] = this.next();
    return bytes;
  }

  hex(count: number): string {
    return hexOf(this.bytes(count));
  }

  below(bound: number): number {
    assert(bound > 0 && bound <= 2 ** 32, 'a bound lies in (0, 2^32]');
    return Math.floor((this.next() / 2 ** 32) * bound);
  }

  chance(rate: number): boolean {
    return this.next() / 2 ** 32 < rate;
  }

  within(range: readonly [firstValue: number, endValue: number]): number {
    return range[0] + (this.next() / 2 ** 32) * (range[1] - range[0]);
  }

  /** A stream of its own, so that one component's draws do not move another's. */
  fork(name: string): SeededPrng {
    return new SeededPrng(this.seed * 2 ** 20 + murmur2(bytesOf(`${this.seed} ${name}`)));
  }
}
