// One subscription, as its history tells it: what was shown of it, what was acknowledged, and what
// may have set it to the tails of its streams.

import type { SubscriptionPosition } from './history.ts';
import { isOk, isRefused, type Operation, type Operations } from './operations.ts';

/** Something that a worker or a webhook was shown. */
export interface Shown {
  readonly op: Operation;
  readonly generation: number;
  readonly positions: readonly SubscriptionPosition[];
}

export const keyOf = ({ session, life }: SubscriptionPosition): string =>
  `${session} ${life ?? ''}`;

export const generationOf = ({ call, answer }: Operation): number =>
  answer?.generation ?? call.generation ?? 0;

export class Subscribed {
  readonly ops: readonly Operation[];
  /** Claims that were granted and webhooks that arrived, in the order of their answers. */
  readonly shown: readonly Shown[];
  /** Whatever may have been acknowledged, in the order in which it was asked. */
  readonly acks: readonly Operation[];
  /** Whatever may have been deleted. */
  readonly ends: readonly Operation[];
  /** By session: what may have begun it at its tail. */
  readonly #bases = new Map<string, Operation[]>();
  /** Sessions whose positions are seqs. */
  readonly covered = new Set<string>();

  constructor(ops: readonly Operation[]) {
    this.ops = ops;
    const shown = ops.filter(({ call }) => call.type === 'claim' || call.type === 'wake');
    this.shown = shown
      .filter(isOk)
      .sort((one, other) => one.ended - other.ended)
      .map((op) => ({
        op,
        generation: generationOf(op),
        positions: op.answer?.positions ?? [],
      }));
    this.acks = ops
      .filter((op) => op.call.type === 'ack' && !isRefused(op))
      .sort((one, other) => one.began - other.began);
    this.ends = ops.filter((op) => op.call.type === 'unsubscribe' && !isRefused(op));
    for (const op of ops) this.#addBase(op);
  }

  #addBase(op: Operation): void {
    const { type, covers = [], links = covers } = op.call;
    for (const session of covers) this.covered.add(session);
    if (isRefused(op) || (type === 'subscribe' && op.answer?.isNew === false)) return;
    if (type !== 'subscribe' && type !== 'link' && type !== 'unlink') return;
    // A subscribe may also mind sessions that it does not name: their bases are all that there are.
    const sessions = type === 'subscribe' ? [everySession] : links;
    for (const session of sessions) {
      const known = this.#bases.get(session);
      if (known === undefined) this.#bases.set(session, [op]);
      else known.push(op);
    }
  }

  basesOf(session: string): readonly Operation[] {
    return [...(this.#bases.get(everySession) ?? []), ...(this.#bases.get(session) ?? [])];
  }

  /** When it may last have been set to the tail of a session, for what was over at a moment. */
  baseEnd(session: string, before: number): number {
    let end = -1;
    for (const base of this.basesOf(session)) {
      if (base.began < before) end = Math.max(end, base.ended);
    }
    return end;
  }

  /** Whether it may have been set to the tail of a session meanwhile. */
  isReset(session: string, from: number, to: number): boolean {
    return this.basesOf(session).some(({ began, ended }) => ended > from && began < to);
  }
}

const everySession = '';

export function subscriptionsIn({ all }: Operations): readonly Subscribed[] {
  const byName = new Map<string, Operation[]>();
  for (const op of all) {
    const name = op.call.subscription;
    if (name === undefined) continue;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [op]);
    else known.push(op);
  }
  return [...byName.values()].map((ops) => new Subscribed(ops));
}
