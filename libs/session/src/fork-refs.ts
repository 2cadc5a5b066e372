import { limits } from '@tidemark/protocol';

export interface ForkRef {
  /** The fork's name. */
  readonly fork: string;
  readonly timeMs: number;
}

/** What sessions without forks share. */
const none = new Map<string, ForkRef>();

/**
 * The forks that need a session, by their incarnations, oldest first. A layer shares its entries with
 * what it lies over until it is changed: a source with very many forks is appended to as any other.
 */
export class ForkRefs {
  #entries: Map<string, ForkRef>;
  #isShared: boolean;
  #bytes: number;
  #made: number;

  private constructor(entries: Map<string, ForkRef>, bytes: number, isShared: boolean) {
    this.#entries = entries;
    this.#bytes = bytes;
    this.#isShared = isShared;
    this.#made = entries.size;
  }

  static of(entries: Iterable<readonly [string, ForkRef]> = []): ForkRefs {
    const refs = new ForkRefs(none, 0, true);
    for (const [incarnation, ref] of entries) refs.set(incarnation, ref);
    return refs;
  }

  layer(): ForkRefs {
    return new ForkRefs(this.#entries, this.#bytes, true);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Rises with every reference that is made: what has seen them all need not look again. */
  get made(): number {
    return this.#made;
  }

  has(incarnation: string): boolean {
    return this.#entries.has(incarnation);
  }

  /** Whether another fork of this name may be announced. */
  hasRoomFor(fork: string): boolean {
    const bytes = this.#bytes + fork.length;
    return this.#entries.size < limits.forksMax && bytes <= limits.forkNamesBytesMax;
  }

  set(incarnation: string, ref: ForkRef): void {
    const entries = this.#own();
    this.#bytes += ref.fork.length - (entries.get(incarnation)?.fork.length ?? 0);
    entries.set(incarnation, ref);
    this.#made += 1;
  }

  delete(incarnation: string): void {
    const entries = this.#own();
    this.#bytes -= entries.get(incarnation)?.fork.length ?? 0;
    entries.delete(incarnation);
  }

  [Symbol.iterator](): IterableIterator<[string, ForkRef]> {
    return this.#entries.entries();
  }

  #own(): Map<string, ForkRef> {
    if (this.#isShared) this.#entries = new Map(this.#entries);
    this.#isShared = false;
    return this.#entries;
  }
}
