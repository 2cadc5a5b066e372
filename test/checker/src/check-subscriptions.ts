// A subscription hands its events to one worker at a time. Who took over fences whoever came before,
// and goes on from what was acknowledged, never from behind it.

import type { SubscriptionPosition } from './history.ts';
import { isOk, isRefused, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

const keyOf = ({ session, life }: SubscriptionPosition): string => `${session} ${life ?? ''}`;

export function checkSubscriptions(operations: Operations, findings: Findings): void {
  const byName = new Map<string, Operation[]>();
  for (const op of operations.all) {
    const name = op.call.subscription;
    if (name === undefined) continue;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [op]);
    else known.push(op);
  }
  for (const ops of byName.values()) {
    checkFences(ops, findings);
    checkSkips(ops, findings);
  }
}

const generationOf = ({ call, answer }: Operation): number =>
  answer?.generation ?? call.generation ?? 0;

function checkFences(ops: readonly Operation[], findings: Findings): void {
  const claims = ops.filter((op) => op.call.type === 'claim' && isOk(op));
  claims.sort((one, other) => one.ended - other.ended);
  // The highest generation that was given out by then.
  const highest: Operation[] = [];
  for (const claim of claims) {
    const last = highest.at(-1);
    highest.push(last !== undefined && generationOf(last) > generationOf(claim) ? last : claim);
  }
  for (const op of ops) {
    if (!isOk(op)) continue;
    const fence = lastEndedBefore(claims, highest, op.began);
    if (fence === undefined) continue;
    const isClaim = op.call.type === 'claim';
    const isOver = isClaim
      ? generationOf(op) <= generationOf(fence) && op.answer?.isNew === true
      : generationOf(op) < generationOf(fence);
    if (!isOver) continue;
    const message = `${op.call.type} of generation ${generationOf(op)} behind ${generationOf(fence)}`;
    findings.add('fenced-ack', op.call.session, { message, ops: [fence.call.op, op.call.op] });
  }
}

function lastEndedBefore(
  claims: readonly Operation[],
  highest: readonly Operation[],
  before: number,
): Operation | undefined {
  let low = 0;
  let high = claims.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((claims[middle]?.ended ?? Infinity) < before) low = middle + 1;
    else high = middle;
  }
  return highest[low - 1];
}

function checkSkips(ops: readonly Operation[], findings: Findings): void {
  const claims = ops.filter((op) => op.call.type === 'claim' && isOk(op));
  claims.sort((one, other) => one.ended - other.ended);
  const acks = ops.filter((op) => (op.call.acks?.length ?? 0) > 0 && !isRefused(op));
  acks.sort((one, other) => one.began - other.began);
  const acked = new Map<string, number>();
  let next = 0;
  for (const claim of claims) {
    for (; (acks[next]?.began ?? Infinity) <= claim.ended; next += 1) {
      for (const ack of acks[next]?.call.acks ?? []) {
        acked.set(keyOf(ack), Math.max(acked.get(keyOf(ack)) ?? 0, ack.seq));
      }
    }
    for (const position of claim.answer?.positions ?? []) {
      const key = keyOf(position);
      const known = acked.get(key);
      if (known === undefined) acked.set(key, position.seq);
      else if (position.seq > known) {
        const message = `${position.session} is taken up at ${position.seq}, acknowledged to ${known}`;
        findings.add('subscription-skips', position.session, { message, ops: [claim.call.op] });
      }
    }
  }
}
