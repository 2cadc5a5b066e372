// What the terms of a query give to documents: as scores, and as bounds of them in whole units, which are quicker to
// find and to add.
//
// (1) A bound is no less than its score. One takes two bytes, so that those of a question's terms stay in the nearest
//     cache; all of them together are within 31 bits.

import { bm25Weight, type GlobalStatistics, prefixWeight, type Weight } from './bm25.ts';
import { leastLengthOf, lengthCodes, noLengthCode } from './length-codes.ts';
import type { Query } from './query.ts';
import { frequencyMax, type WindowedList } from './windowed-list.ts';

/** What one term gives at most. */
const unitsMax = 0xffff;

export class TermWeight {
  readonly weight: number;
  readonly base: number;
  readonly slope: number;
  readonly #unitsPerScore: number;
  #units: Uint16Array | undefined;

  constructor({ weight, base, slope }: Weight, unitsPerScore: number) {
    this.weight = weight;
    this.base = base;
    this.slope = slope;
    this.#unitsPerScore = unitsPerScore;
  }

  scoreOf(frequency: number, length: number): number {
    return (this.weight * frequency) / (frequency + (this.base + this.slope * length));
  }

  /** By frequency as a posting has it, and within it by the length's code. */
  get units(): Uint16Array {
    this.#units ??= this.#tabled();
    return this.#units;
  }

  /** The most that any posting of a list is given. */
  mostOf({ pairs }: WindowedList): number {
    if (pairs.length === 0) return this.#unitsOf(this.weight);
    return pairs.reduce(
      (most, { frequency, length }) =>
        Math.max(most, this.#unitsOf(this.scoreOf(frequency, length))),
      0,
    );
  }

  #tabled(): Uint16Array {
    const units = new Uint16Array((frequencyMax + 1) * lengthCodes);
    const lengths = Array.from({ length: lengthCodes }, (_, code) => leastLengthOf(code));
    for (let frequency = 1; frequency < frequencyMax; frequency += 1) {
      const row = frequency * lengthCodes;
      for (let code = 0; code < lengthCodes; code += 1) {
        units[row + code] = this.#unitsOf(this.scoreOf(frequency, lengths[code] as number));
      }
    }
    units.fill(this.#unitsOf(this.weight), frequencyMax * lengthCodes);
    for (let row = 0; row < units.length; row += lengthCodes) units[row + noLengthCode] = 0;
    return units;
  }

  #unitsOf(score: number): number {
    return Math.ceil(score * this.#unitsPerScore);
  }
}

/** Of one query, for all that is searched. */
export class TermWeights {
  readonly terms: readonly TermWeight[];
  readonly prefix: TermWeight;
  readonly #unitsPerScore: number;

  constructor({ scored }: Query, statistics: GlobalStatistics) {
    const weights = Array.from({ length: scored }, (_, term) => bm25Weight(statistics, term));
    const most = weights.reduce((most, { weight }) => Math.max(most, weight), prefixWeight.weight);
    const unitsPerScore = unitsMax / most;
    this.#unitsPerScore = unitsPerScore;
    this.terms = weights.map((weight) => new TermWeight(weight, unitsPerScore));
    this.prefix = new TermWeight(prefixWeight, unitsPerScore);
  }

  /** Who is bound by less has a lower score. One unit is for what rounding takes from a sum of scores. */
  unitsFor(score: number): number {
    return Math.floor(score * this.#unitsPerScore) - 1;
  }
}
