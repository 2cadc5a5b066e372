import type { TermScorer } from './term-scorer.ts';
import { windowDocuments } from './windowed-list.ts';

/** Looking up one posting takes about as long as adding so many. */
const addsPerLookup = 64;
/** Going over all documents of a window takes about as long as adding so many. */
export const addsPerWindow = 1_024;

/** 1 or 0, without a branch: no processor foretells which document is good. Both are within 31 bits. */
const isAtLeast = (units: number, least: number): number => ((units - least) >>> 31) ^ 1;

/** Documents of a window that may still count, with what they are given at most, in units. */
export class Candidates {
  /** By places in the window; all 0 but while something is added. */
  readonly #sums = new Int32Array(windowDocuments);
  /** Of each candidate its place in the window, and what it is given; one more is written, and not counted. */
  readonly places: Uint16Array = new Uint16Array(windowDocuments + 1);
  readonly units: Int32Array = new Int32Array(windowDocuments + 1);
  count = 0;

  /** Those that any of the terms has, and that together are given so much. Says what it took. */
  find(scorers: readonly TermScorer[], unitsMin: number): number {
    let added = 0;
    const sums = this.#sums;
    // By places: an iterator that could end early makes the loops within a quarter slower.
    for (let at = 0; at < scorers.length; at += 1) {
      const scorer = scorers[at] as TermScorer;
      scorer.addUnits(sums);
      added += scorer.count;
    }
    this.count = 0;
    const least = Math.max(1, unitsMin);
    if (added < addsPerWindow) {
      for (const scorer of scorers) this.#takeOf(scorer, least);
      return 2 * added;
    }
    this.#takeAll(least);
    return added + addsPerWindow;
  }

  /** Adds what one more term gives, and keeps those that are given so much. Says what it took. */
  add(scorer: TermScorer, unitsMin: number): number {
    const { count } = this;
    if (count * addsPerLookup < scorer.count) {
      this.#lookUp(scorer, unitsMin);
      return count * addsPerLookup;
    }
    scorer.addUnits(this.#sums);
    this.#addSums(unitsMin);
    return scorer.count + count;
  }

  /** Those that are marked. */
  keep(marks: Uint8Array): void {
    const { places, units } = this;
    let kept = 0;
    for (let at = 0; at < this.count; at += 1) {
      const place = places[at] as number;
      if (marks[place] === 0) continue;
      places[kept] = place;
      units[kept] = units[at] as number;
      kept += 1;
    }
    this.count = kept;
  }

  #addSums(unitsMin: number): void {
    const { places, units, count } = this;
    const sums = this.#sums;
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const place = places[at] as number;
      const given = ((units[at] as number) + (sums[place] as number)) | 0;
      places[kept] = place;
      units[kept] = given;
      kept += isAtLeast(given, unitsMin);
    }
    this.count = kept;
    sums.fill(0);
  }

  #lookUp(scorer: TermScorer, unitsMin: number): void {
    const { places, units, count } = this;
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const place = places[at] as number;
      const given = (units[at] as number) + scorer.unitsAt(place);
      places[kept] = place;
      units[kept] = given;
      kept += isAtLeast(given, unitsMin);
    }
    this.count = kept;
  }

  /** Most are given too little: four of them are found so at once. */
  #takeAll(least: number): void {
    const { places, units } = this;
    const sums = this.#sums;
    const most = least - 1;
    let count = 0;
    for (let first = 0; first < windowDocuments; first += 4) {
      const anyAbove =
        (most - (sums[first] as number)) |
        (most - (sums[first + 1] as number)) |
        (most - (sums[first + 2] as number)) |
        (most - (sums[first + 3] as number));
      if (anyAbove >= 0) continue;
      for (let place = first; place < first + 4; place += 1) {
        const given = sums[place] as number;
        places[count] = place;
        units[count] = given;
        count += isAtLeast(given, least);
      }
    }
    this.count = count;
    sums.fill(0);
  }

  /** A sum that was taken is cleared, so that no document is taken twice. */
  #takeOf(scorer: TermScorer, least: number): void {
    const { places, units } = this;
    const sums = this.#sums;
    let { count } = this;
    for (let index = 0; index < scorer.count; index += 1) {
      const place = scorer.placeOf(index);
      const given = sums[place] as number;
      sums[place] = 0;
      places[count] = place;
      units[count] = given;
      count += isAtLeast(given, least);
    }
    this.count = count;
  }
}
