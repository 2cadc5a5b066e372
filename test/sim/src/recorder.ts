import type { Call, Entry, Return, Seen } from '@tidemark/checker';
import type { Clock } from '@tidemark/ports';

type Unstamped<T extends Entry> = Omit<T, 'at' | 'kind' | 'op'>;

/** Writes the history down, in the order in which things happen. */
export class Recorder {
  readonly entries: Entry[] = [];
  /** How many operations were asked for, by type and then by outcome. */
  readonly operations: Record<string, number> = {};
  readonly #clock: Clock;
  readonly #types = new Map<string, string>();
  readonly #leased = new Set<string>();
  #at = 0;
  #op = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get at(): number {
    return this.#at;
  }

  call(call: Unstamped<Call>): string {
    this.#op += 1;
    const op = String(this.#op);
    this.#types.set(op, call.type);
    this.#add({ kind: 'call', op, ms: this.#clock.nowMs(), ...this.#steady(op, call), ...call });
    return op;
  }

  answer(op: string, answer: Unstamped<Return>): void {
    const type = this.#types.get(op) ?? '';
    const how = answer.code ?? (answer.isNew === false ? 'repeated' : answer.outcome);
    const kind = `${type} ${how}`;
    this.operations[kind] = (this.operations[kind] ?? 0) + 1;
    this.#add({ kind: 'return', op, ms: this.#clock.nowMs(), ...this.#steady(op), ...answer });
  }

  /** Leases are a matter of time that nobody sets. */
  #steady(op: string, { subscription }: Partial<Call> = {}): { steadyMs?: number } {
    if (subscription !== undefined) this.#leased.add(op);
    return this.#leased.has(op) ? { steadyMs: this.#clock.monotonicMs() } : {};
  }

  seen(op: string, seen: Unstamped<Seen>): void {
    this.#add({ kind: 'seen', op, ...seen });
  }

  leader(kind: 'deposed' | 'known', shard: string): void {
    this.#add({ kind, shard });
  }

  setBack(): void {
    this.#add({ kind: 'set-back', ms: this.#clock.nowMs() });
  }

  drained(from: number): void {
    this.#add({ kind: 'drained', from });
  }

  end(): void {
    this.#add({ kind: 'end' });
  }

  #add(entry: Unplaced): void {
    this.#at += 1;
    this.entries.push({ at: this.#at, ...entry } as Entry);
  }
}

type Unplaced = Entry extends infer T ? (T extends Entry ? Omit<T, 'at'> : never) : never;
