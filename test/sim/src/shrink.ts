// Makes a failing run small: fewer operations, clients, processes, names and faults, as long as it
// still fails. What is left is told operation by operation.

import type { Entry } from '@tidemark/checker';
import { disturbances, type Plan } from './plan.ts';
import { type Outcome, type RunOptions, run } from './run.ts';

/** Every way to take something out of a plan. */
function* smaller(plan: Plan): Iterable<Partial<Plan>> {
  if (plan.operations > 8) yield { operations: Math.floor(plan.operations / 2) };
  if (plan.operations > 8) yield { operations: Math.floor((plan.operations * 3) / 4) };
  for (const kind of Object.keys(plan.faults) as (keyof Plan['faults'])[]) {
    if (plan.faults[kind] !== 0) yield { faults: { ...plan.faults, [kind]: 0 } };
  }
  for (const kind of disturbances) {
    if (!plan.disturbances.includes(kind)) continue;
    yield { disturbances: plan.disturbances.filter((other) => other !== kind) };
  }
  if (plan.processes > 1) yield { processes: plan.processes - 1 };
  if (plan.clients > 1) yield { clients: plan.clients - 1 };
  if (plan.names > 1) yield { names: plan.names - 1 };
  if (plan.partitions > 1) yield { partitions: 1 };
  if (plan.isForking) yield { isForking: false };
  if (plan.isExpiring) yield { isExpiring: false };
  if (plan.isForgetting) yield { isForgetting: false };
  if (plan.hasOldRelease) yield { hasOldRelease: false };
  if (plan.deposedBoundsRate > 0) yield { deposedBoundsRate: 0 };
  if (plan.runs > 0) yield { runs: 0 };
  if (plan.subscriptions > 0) yield { subscriptions: 0 };
  if (plan.subscriptions > 1) yield { subscriptions: plan.subscriptions - 1 };
  if (plan.disaster !== 'none') yield { disaster: 'none' };
}

const triesMax = 150;

/** The smallest run of this seed that was found to fail, as text. */
export async function shrink(outcome: Outcome, options: RunOptions): Promise<string> {
  const seed = outcome.plan.seed;
  let best = outcome;
  let reduce: Partial<Plan> = { ...options.reduce };
  for (let tries = 0, isSmaller = true; isSmaller && tries < triesMax; ) {
    isSmaller = false;
    for (const less of smaller(best.plan)) {
      tries += 1;
      const candidate = await run(seed, { ...options, reduce: { ...reduce, ...less } });
      if (candidate.failures.length === 0) continue;
      reduce = { ...reduce, ...less };
      best = candidate;
      isSmaller = true;
      break;
    }
  }
  return [`reduced to ${JSON.stringify(reduce)}`, ...best.failures, tell(best)].join('\n');
}

/** The operations on the sessions that failed, a line each. */
function tell({ history, failures }: Outcome): string {
  const sessions = new Set(
    history.flatMap((entry) => (entry.kind === 'call' ? [entry.session] : [])),
  );
  const named = [...sessions].filter((session) => failures.some((text) => text.includes(session)));
  const ofInterest = named.length === 0 ? sessions : new Set(named);
  const ops = new Set<string>();
  const lines: string[] = [];
  for (const entry of history) {
    if (entry.kind === 'call' && ofInterest.has(entry.session)) ops.add(entry.op);
    const isTold = !('op' in entry) || ops.has(entry.op);
    if (isTold) lines.push(lineOf(entry));
  }
  return lines.slice(0, 400).join('\n');
}

function lineOf(entry: Entry): string {
  const { at, kind, ...rest } = entry;
  return `${String(at).padStart(6)} ${kind.padEnd(7)}${JSON.stringify(rest)}`;
}
