import { Float64Column, Uint32Column } from './growing-arrays.ts';

interface Place {
  readonly session: string;
  readonly seq: number;
}

/** Which events came from which offsets of the log, in its order. */
export class Places {
  readonly #sessions: string[] = [];
  readonly #idOf = new Map<string, number>();
  readonly #sessionIds = new Uint32Column();
  readonly #seqs = new Float64Column();
  readonly #offsets = new Float64Column();

  /** Of parts that follow one another. */
  static joined(parts: readonly Places[]): Places {
    const all = new Places();
    for (const part of parts) for (const [place, offset] of part.#all()) all.add(place, offset);
    return all;
  }

  get count(): number {
    return this.#offsets.length;
  }

  get bytes(): number {
    return this.#sessionIds.byteLength + this.#seqs.byteLength + this.#offsets.byteLength;
  }

  get newestOffset(): number {
    return this.count === 0 ? -1 : this.#offsets.at(this.count - 1);
  }

  add({ session, seq }: Place, offset: number): void {
    let id = this.#idOf.get(session);
    if (id === undefined) {
      id = this.#sessions.length;
      this.#idOf.set(session, id);
      this.#sessions.push(session);
    }
    this.#sessionIds.push(id);
    this.#seqs.push(seq);
    this.#offsets.push(offset);
  }

  /** Of each session that has an event below the offset, the first seq that has not. */
  keptFrom(offset: number): ReadonlyMap<string, number> {
    const kept = new Map<string, number>();
    for (let at = 0; at < this.count && this.#offsets.at(at) < offset; at += 1) {
      kept.set(this.#sessions[this.#sessionIds.at(at)] as string, this.#seqs.at(at) + 1);
    }
    return kept;
  }

  *#all(): Generator<readonly [Place, number]> {
    for (let at = 0; at < this.count; at += 1) {
      const session = this.#sessions[this.#sessionIds.at(at)] as string;
      yield [{ session, seq: this.#seqs.at(at) }, this.#offsets.at(at)];
    }
  }
}
