/** Randomness as a component. Production's is the operating system's; a simulation's has a seed. */
export interface Prng {
  bytes(count: number): Uint8Array;
  /** Uniform in [0, bound). */
  below(bound: number): number;
}
