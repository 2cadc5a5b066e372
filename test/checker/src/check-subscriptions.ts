// A subscription hands its events to one worker at a time. Who took over fences whoever came before,
// not before the lease was over, and goes on from what was acknowledged, never from behind it.

import { checkPending } from './check-pending.ts';
import { checkPositions, Streams } from './check-positions.ts';
import type { Lives } from './lives.ts';
import { isOk, type Operation, type Operations } from './operations.ts';
import { generationOf, type Shown, type Subscribed, subscriptionsIn } from './subscribed.ts';
import type { Findings } from './violation.ts';

export function checkSubscriptions(operations: Operations, lives: Lives, findings: Findings): void {
  const streams = new Streams(operations, lives);
  for (const subscribed of subscriptionsIn(operations)) {
    checkFences(subscribed, findings);
    checkOver(subscribed, findings);
    checkGenerations(subscribed, findings);
    checkLeases(subscribed, findings);
    checkPositions(subscribed, streams, findings);
    checkPending(subscribed, operations, findings);
  }
}

/** What is said of a wake. */
const speaks = ({ call }: Operation): boolean => call.type === 'ack' || call.type === 'release';

function checkFences({ ops, shown }: Subscribed, findings: Findings): void {
  // The highest generation that was given out by then.
  const highest: Shown[] = [];
  for (const next of shown) {
    const last = highest.at(-1);
    highest.push(last !== undefined && last.generation > next.generation ? last : next);
  }
  for (const op of ops) {
    const isClaim = op.call.type === 'claim';
    if (!isOk(op) || !(isClaim || speaks(op))) continue;
    const fence = highest[countEndedBefore(shown, op.began) - 1];
    if (fence === undefined) continue;
    const generation = generationOf(op);
    // A wake that waited may have been seen before it is claimed.
    const isOver =
      generation < fence.generation ||
      (isClaim && generation === fence.generation && fence.op.call.type === 'claim');
    if (!isOver) continue;
    const message = `${op.call.type} of generation ${generation} behind ${fence.generation}`;
    const ops = [fence.op.call.op, op.call.op];
    findings.add('fenced-ack', op.call.session, { message, ops });
  }
}

function countEndedBefore(shown: readonly Shown[], before: number): number {
  let low = 0;
  let high = shown.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((shown[middle]?.op.ended ?? Infinity) < before) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Behind its end, by whatever ended it, nothing is said of a wake any more. */
function checkOver({ ops, shown, ends }: Subscribed, findings: Findings): void {
  const over = new Map<number, Operation>();
  for (const op of ops) {
    const isEnd = isOk(op) && (op.call.type === 'release' || op.call.done === true);
    const generation = generationOf(op);
    const known = over.get(generation);
    if (isEnd && (known === undefined || op.ended < known.ended)) over.set(generation, op);
  }
  const firstShown = new Map<number, Shown>();
  for (const one of shown) if (!firstShown.has(one.generation)) firstShown.set(one.generation, one);
  for (const op of ops) {
    if (!isOk(op) || !speaks(op)) continue;
    const generation = generationOf(op);
    const wasShown = firstShown.get(generation)?.op.ended ?? Infinity;
    const deleted = ends.find((end) => isOk(end) && end.ended < op.began && wasShown < end.began);
    const end = deleted ?? over.get(generation);
    if (end === undefined || end.ended >= op.began) continue;
    const message = `${op.call.type} of generation ${generation} behind its ${end.call.type}`;
    findings.add('fenced-ack', op.call.session, { message, ops: [end.call.op, op.call.op] });
  }
}

/** Each generation is one wake, and is claimed once. */
function checkGenerations({ shown }: Subscribed, findings: Findings): void {
  const wakes = new Map<number, Shown>();
  const claims = new Map<number, Shown>();
  for (const one of shown) {
    const { op, generation } = one;
    const wake = wakes.get(generation);
    if (wake === undefined) wakes.set(generation, one);
    const isOther = wake !== undefined && wake.op.answer?.wake !== op.answer?.wake;
    const claim = op.call.type === 'claim' ? claims.get(generation) : undefined;
    if (op.call.type === 'claim' && claim === undefined) claims.set(generation, one);
    const earlier = isOther ? wake : claim;
    if (earlier === undefined) continue;
    const message = `generation ${generation} was given out twice`;
    const ops = [earlier.op.call.op, op.call.op];
    findings.add('generation-twice', op.call.session, { message, ops });
  }
}

/** Rule of leases: nobody takes over before the time is over that the last renewal began. */
function checkLeases(subscribed: Subscribed, findings: Findings): void {
  const { ops, shown, ends } = subscribed;
  const leases = ops.flatMap(({ call }) => (call.leaseMs === undefined ? [] : [call.leaseMs]));
  if (leases.length === 0) return;
  const leaseMs = Math.min(...leases);
  const renewals = ops.filter((op) => {
    const isRenewal = op.call.type === 'claim' || (op.call.type === 'ack' && op.call.done !== true);
    return isRenewal && isOk(op) && op.call.steadyMs !== undefined;
  });
  const givenUp = new Map<number, number>();
  for (const { call, answer } of ops) {
    const isEnd = call.type === 'release' || (call.type === 'ack' && call.done === true);
    if (!isEnd || answer?.outcome === 'refused') continue;
    const generation = call.generation ?? 0;
    givenUp.set(generation, Math.min(givenUp.get(generation) ?? Infinity, call.at));
  }
  for (const { op, generation } of shown) {
    const tookOverMs = op.answer?.steadyMs;
    if (tookOverMs === undefined || ends.some(({ began }) => began < op.ended)) continue;
    for (const renewal of renewals) {
      const held = generationOf(renewal);
      if (held >= generation || (givenUp.get(held) ?? Infinity) < op.ended) continue;
      const untilMs = (renewal.call.steadyMs ?? 0) + leaseMs;
      if (tookOverMs >= untilMs) continue;
      const message = `generation ${generation} at ${tookOverMs}, ${held} had until ${untilMs}`;
      const ops = [renewal.call.op, op.call.op];
      findings.add('lease-taken-early', op.call.session, { message, ops });
    }
  }
}
