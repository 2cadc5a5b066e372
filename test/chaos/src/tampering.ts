// A run's own history, as it would be had something gone wrong: what is judged can fail.

import type { Call, Check, Entry, Return } from '@tidemark/checker';
import { judge } from './history-files.ts';

/** The same history had an acknowledged event, and what came behind it, been lost before it was read. */
function withLoss(entries: readonly Entry[]): Entry[] {
  const names = entries.flatMap((entry) =>
    entry.kind === 'return' && entry.outcome === 'ok' ? [entry.events?.at(-1) ?? ''] : [],
  );
  const lost = names.findLast((name) => name !== '' && !name.startsWith('cut:'));
  return entries.map((entry) => {
    if (entry.kind === 'call' || !('events' in entry)) return entry;
    const index = entry.events?.indexOf(lost ?? '') ?? -1;
    if (index < 0) return entry;
    const events = entry.events?.slice(0, index) ?? [];
    return entry.kind === 'return' ? { ...entry, events, end: (entry.first ?? 0) + index } : entry;
  });
}

type Tamper = (answer: Return, call: Call) => Return;

/** Changes what subscriptions answered. */
const answering =
  (tamper: Tamper) =>
  (entries: readonly Entry[]): Entry[] => {
    const calls = new Map<string, Call>();
    return entries.map((entry) => {
      if (entry.kind === 'call' && entry.subscription !== undefined) calls.set(entry.op, entry);
      const call = entry.kind === 'return' ? calls.get(entry.op) : undefined;
      return entry.kind === 'return' && call !== undefined ? tamper(entry, call) : entry;
    });
  };

const isWake = ({ outcome }: Return, { type }: Call): boolean =>
  outcome === 'ok' && (type === 'claim' || type === 'wake');

const withPositions = (
  answer: Return,
  change: (position: NonNullable<Return['positions']>[number]) => object,
): Return => ({
  ...answer,
  positions: (answer.positions ?? []).map((position) => ({ ...position, ...change(position) })),
});

/** By the check that has to find it. */
const subscriptionTamperings: ReadonlyMap<Check, (entries: readonly Entry[]) => Entry[]> = new Map([
  [
    // Whoever was fenced was heard all the same.
    'fenced-ack',
    answering((answer, { type }) => {
      const isFenced = type === 'ack' && answer.code === 'fenced';
      return isFenced ? { ...answer, outcome: 'ok' } : answer;
    }),
  ],
  [
    // A wake begins behind what was pending.
    'subscription-skips',
    answering((answer, call) =>
      isWake(answer, call)
        ? withPositions(answer, ({ tail, seq }) => ({ seq: tail ?? seq }))
        : answer,
    ),
  ],
  [
    // A wake begins again with what was acknowledged.
    'subscription-goes-back',
    answering((answer, call) =>
      isWake(answer, call) ? withPositions(answer, () => ({ seq: 0 })) : answer,
    ),
  ],
  [
    // What was pending was denied.
    'pending-forgotten',
    answering((answer, call) =>
      isWake(answer, call) && call.type === 'claim'
        ? { ...answer, outcome: 'refused', code: 'no-pending-work', positions: [] }
        : answer,
    ),
  ],
  [
    'beyond-tail',
    answering((answer, call) =>
      isWake(answer, call) ? withPositions(answer, () => ({ tail: 1_000_000 })) : answer,
    ),
  ],
  [
    // One generation is given to all.
    'generation-twice',
    answering((answer, call) => (isWake(answer, call) ? { ...answer, generation: 1 } : answer)),
  ],
  [
    // Leases were promised to last longer than they did.
    'lease-taken-early',
    (entries) =>
      entries.map((entry) =>
        entry.kind === 'call' && entry.leaseMs !== undefined
          ? { ...entry, leaseMs: 20 * entry.leaseMs }
          : entry,
      ),
  ],
]);

/** Of the tamperings with a history, those that whoever judges it does not find. */
export function notFound(
  entries: readonly Entry[],
  late: ReadonlySet<Check> = new Set(),
): string[] {
  const missed = [...subscriptionTamperings].filter(([kind, tamper]) => {
    return !late.has(kind) && !judge(tamper(entries)).some(({ check }) => check === kind);
  });
  const isLossFound = judge(withLoss(entries)).length > 0;
  return [...(isLossFound ? [] : ['loss']), ...missed.map(([kind]) => kind)];
}
