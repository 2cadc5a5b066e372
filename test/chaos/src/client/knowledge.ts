import type { Place } from './answers.ts';
import { fullName, type Named } from './names.ts';

const placesMax = 6;
const forksMax = 12;

/** What the actors of one client process have been told. */
export class Knowledge {
  readonly #places = new Map<string, Place[]>();
  readonly #tails = new Map<string, number>();
  readonly #absent = new Set<string>();
  /** Forks whose create was answered. */
  #forks: Named[] = [];

  hold(named: Named, place: Place | undefined): void {
    if (place === undefined || place.cursor === '') return;
    const places = this.#places.get(fullName(named)) ?? [];
    this.#places.set(fullName(named), [...places, place].slice(-placesMax));
    this.#tails.set(fullName(named), place.seq);
    this.#absent.delete(fullName(named));
  }

  placesOf(named: Named): readonly Place[] {
    return this.#places.get(fullName(named)) ?? [];
  }

  tailOf(named: Named): number {
    return this.#tails.get(fullName(named)) ?? 0;
  }

  setTail(named: Named, tail: number): void {
    this.#tails.set(fullName(named), tail);
  }

  sawAbsent(named: Named): void {
    this.#absent.add(fullName(named));
    this.#places.delete(fullName(named));
    this.#forks = this.#forks.filter((fork) => fullName(fork) !== fullName(named));
  }

  isAbsent(named: Named): boolean {
    return this.#absent.has(fullName(named));
  }

  addFork(fork: Named): void {
    this.#forks = [...this.#forks, fork].slice(-forksMax);
  }

  get forks(): readonly Named[] {
    return this.#forks;
  }
}
