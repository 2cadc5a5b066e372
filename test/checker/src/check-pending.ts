// Nothing that a subscription minds is forgotten: whoever asks while something is certainly pending is
// not told that nothing is, and in the end it has been handed to somebody.

import { earliestOf, isOk, isRefused, type Operation, type Operations } from './operations.ts';
import type { Shown, Subscribed } from './subscribed.ts';
import type { Findings } from './violation.ts';

export function checkPending(
  subscribed: Subscribed,
  operations: Operations,
  findings: Findings,
): void {
  const pending = new Pending(subscribed, operations);
  for (const op of subscribed.ops) {
    if (op.answer?.code !== 'no-pending-work') continue;
    const before = (session: string): number => earliestOf(operations, op, session);
    const forgotten = pending.find({ before, at: op.ended });
    if (forgotten === undefined) continue;
    const message = 'nothing is pending, and this was never acknowledged';
    const ops = [forgotten.call.op, op.call.op];
    findings.add('pending-forgotten', forgotten.call.session, { message, ops });
  }
  const { drainedFrom } = operations;
  if (drainedFrom < 0) return;
  for (const session of subscribed.covered) {
    for (const op of pending.of(session, { before: drainedFrom, at: Infinity })) {
      if (subscribed.shown.some((shown) => isShown(shown, op))) continue;
      const message = 'was handed to nobody';
      findings.add('pending-forgotten', session, { message, ops: [op.call.op] });
    }
  }
}

function isShown({ op, positions }: Shown, { call, answer, began }: Operation): boolean {
  const end = answer?.end ?? 0;
  if (op.ended < began) return false;
  return positions.some(({ session, life, tail = 0 }) => {
    return session === call.session && life === answer?.life && tail >= end;
  });
}

class Pending {
  readonly #subscribed: Subscribed;
  readonly #appends = new Map<string, readonly Operation[]>();
  readonly #deletes = new Map<string, readonly Operation[]>();

  constructor(subscribed: Subscribed, { bySession }: Operations) {
    this.#subscribed = subscribed;
    for (const session of subscribed.covered) {
      const ops = bySession.get(session) ?? [];
      this.#appends.set(session, ops.filter(isAcknowledged));
      this.#deletes.set(
        session,
        ops.filter((op) => op.call.type === 'delete' && !isRefused(op)),
      );
    }
  }

  /** The first append that was over before a moment and whose events are certainly pending at another. */
  find({ before, at }: { before: (session: string) => number; at: number }): Operation | undefined {
    for (const session of this.#subscribed.covered) {
      const [found] = this.of(session, { before: before(session), at });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *of(session: string, { before, at }: { before: number; at: number }): Iterable<Operation> {
    for (const op of this.#appends.get(session) ?? []) {
      if (op.ended >= before || !this.#isMinded(op, at)) continue;
      const deletes = this.#deletes.get(session) ?? [];
      if (deletes.some(({ ended, began }) => ended >= op.began && began <= at)) continue;
      if (!this.#isAcked(op, at)) yield op;
    }
  }

  /** The subscription was there before it, is there still, and was not set to the tail since. */
  #isMinded({ call, began }: Operation, at: number): boolean {
    const { ops } = this.#subscribed;
    const minds = ops.some((op) => {
      const { type, covers } = op.call;
      if ((type !== 'subscribe' && type !== 'link') || !isOk(op) || op.ended >= began) return false;
      const isOver = ops.some((end) => {
        // What is confirmed keeps the links that it has.
        const isKept = end.call.type === 'unlink' && op.answer?.isNew === false;
        const isAgain = (isKept || end.ended >= op.began) && end.began <= at;
        return isAgain && !isRefused(end) && ends(end, call.session);
      });
      return !isOver && covers?.includes(call.session) === true;
    });
    return minds && !this.#subscribed.isReset(call.session, began, at);
  }

  #isAcked({ call, answer }: Operation, at: number): boolean {
    const end = answer?.end ?? 0;
    return this.#subscribed.acks.some(
      (op) =>
        op.began <= at &&
        op.call.acks?.some(
          ({ session, life, seq }) =>
            session === call.session && (life === undefined || life === answer?.life) && seq >= end,
        ) === true,
    );
  }
}

const ends = ({ call }: Operation, session: string): boolean =>
  call.type === 'unsubscribe' ||
  (call.type === 'unlink' && call.covers?.includes(session) === true);

const isAcknowledged = (op: Operation): boolean =>
  op.call.type === 'append' &&
  isOk(op) &&
  op.answer?.isNew === true &&
  op.answer.life !== undefined &&
  (op.call.events?.length ?? 0) > 0;
