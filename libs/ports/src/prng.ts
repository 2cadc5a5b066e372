/** Randomness as a component. Production's is the operating system's; a simulation's has a seed. */
export interface Prng {
  bytes(count: number): Uint8Array;
  /** So many random bytes in lower-case hex: how ids are drawn. */
  hex(count: number): string;
  /** Uniform in [0, bound). */
  below(bound: number): number;
}
