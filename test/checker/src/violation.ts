/** What a history must not show, by name. */
export const checks = [
  'acknowledged-event-lost',
  'event-twice',
  'event-invented',
  'refused-event-stands',
  'seqs-not-dense',
  'orders-differ',
  'producer-order',
  'real-time-order',
  'visible-before-append',
  'stale-read',
  'conflicting-conditions',
  'refusal-untrue',
  'closed-opens',
  'deleted-lives',
  'former-self',
  'fork-differs',
  'expired-early',
  'expired-lives',
  'follower-skips',
  'never-answered',
  'subscription-skips',
  'subscription-goes-back',
  'pending-forgotten',
  'beyond-tail',
  'fenced-ack',
  'generation-twice',
  'lease-taken-early',
  'fact-lost',
  'fact-invented',
  'fact-twice',
  'fact-past-untrue',
  'act-twice',
  'act-forbidden',
  'life-untrue',
  'life-goes-back',
  'budget-exceeded',
  'kept-too-long',
  'kept-no-more',
] as const;

export type Check = (typeof checks)[number];

export interface Violation {
  readonly check: Check;
  readonly session: string;
  readonly message: string;
  /** The operations that contradict each other. */
  readonly ops: readonly string[];
}

/** Collects violations; a history with many of a kind needs no more than the first few. */
export class Findings {
  readonly found: Violation[] = [];
  readonly #counts = new Map<Check, number>();
  readonly #eachMax: number;

  constructor(eachMax = 10) {
    this.#eachMax = eachMax;
  }

  add(check: Check, session: string, what: { message: string; ops: readonly string[] }): void {
    const count = (this.#counts.get(check) ?? 0) + 1;
    this.#counts.set(check, count);
    if (count <= this.#eachMax) this.found.push({ check, session, ...what });
  }
}
