import { readFileSync } from 'node:fs';
import {
  type Call,
  checkHistory,
  type Entry,
  parseHistory,
  type Violation,
} from '@tidemark/checker';
import { nowAt } from './client/recorder.ts';

export interface HistorySummary {
  readonly entries: readonly Entry[];
  readonly sessions: ReadonlySet<string>;
  readonly subscriptions: ReadonlySet<string>;
  readonly acknowledgedEvents: number;
  readonly acknowledgedAppends: number;
  readonly unknownOutcomes: number;
  /** How many operations, by type and outcome. */
  readonly operations: ReadonlyMap<string, number>;
}

export function readHistories(files: readonly string[], more: readonly Entry[]): Entry[] {
  const entries = files.flatMap((file) => parseHistory(readFileSync(file, 'utf8')));
  return [...entries, ...more].sort((one, other) => one.at - other.at);
}

/** Every operation has been answered by now, or was given up by its client. */
export const judge = (entries: readonly Entry[]): Violation[] =>
  checkHistory([...entries, { at: nowAt(), kind: 'end' }]);

export function summarize(entries: readonly Entry[]): HistorySummary {
  const calls = new Map<string, Call>();
  const sessions = new Set<string>();
  const subscriptions = new Set<string>();
  const operations = new Map<string, number>();
  const acknowledged = new Set<string>();
  let acknowledgedAppends = 0;
  let unknownOutcomes = 0;
  for (const entry of entries) {
    if (entry.kind === 'call') {
      calls.set(entry.op, entry);
      (entry.subscription === undefined ? sessions : subscriptions).add(entry.session);
    }
    if (entry.kind !== 'return') continue;
    const { type = '', events = [] } = calls.get(entry.op) ?? {};
    const isWrite = type === 'append' || type === 'create' || type === 'delete';
    const how = `${type} ${entry.outcome === 'refused' ? entry.code : entry.outcome}`;
    operations.set(how, (operations.get(how) ?? 0) + 1);
    if (isWrite && entry.outcome === 'unknown') unknownOutcomes += 1;
    if (!isWrite || entry.outcome !== 'ok' || entry.isNew === false) continue;
    for (const name of events) acknowledged.add(name);
    if (type === 'append') acknowledgedAppends += 1;
  }
  return {
    entries,
    sessions,
    subscriptions,
    acknowledgedEvents: acknowledged.size,
    acknowledgedAppends,
    unknownOutcomes,
    operations,
  };
}

/** Keys and tokens of our clients are right: nobody may say that they are not. */
export const denialsIn = ({ operations }: HistorySummary): string[] =>
  [...operations]
    .filter(([how]) => / (unauthenticated|token-invalid)$/.test(how))
    .map(([how, count]) => `${how}, ${count} times`);
