import type { Call, Entry, Return, Seen } from './history.ts';
import type { Findings } from './violation.ts';

/** One operation: its call, and its answer where there was one. */
export interface Operation {
  readonly call: Call;
  readonly began: number;
  /** Infinite while unanswered. */
  ended: number;
  answer: Return | undefined;
  readonly seen: Seen[];
}

/** Events that were given one name by one append and its retries. */
export interface Written {
  readonly name: string;
  readonly session: string;
  readonly attempts: Operation[];
}

export interface Window {
  readonly began: number;
  readonly ended: number;
}

export interface Operations {
  readonly all: readonly Operation[];
  readonly bySession: ReadonlyMap<string, readonly Operation[]>;
  readonly written: ReadonlyMap<string, Written>;
  readonly shardOf: ReadonlyMap<string, string>;
  /** While a deposed leader may answer, by shard. */
  readonly deposed: ReadonlyMap<string, readonly Window[]>;
  readonly setBacks: readonly { readonly at: number; readonly ms: number }[];
  /** What was pending until then has been handed out; -1 where nobody says so. */
  readonly drainedFrom: number;
  readonly isComplete: boolean;
}

export const isOk = ({ answer }: Operation): boolean => answer?.outcome === 'ok';
export const isRefused = ({ answer }: Operation): boolean => answer?.outcome === 'refused';

class Gathering {
  readonly byName = new Map<string, Operation>();
  readonly bySession = new Map<string, Operation[]>();
  readonly written = new Map<string, Written>();
  readonly shardOf = new Map<string, string>();
  readonly deposed = new Map<string, { began: number; ended: number }[]>();
  readonly setBacks: { at: number; ms: number }[] = [];
  drainedFrom = -1;
  isComplete = false;

  add(entry: Entry): void {
    if (entry.kind === 'call') this.#call(entry);
    else if (entry.kind === 'return') this.#return(entry);
    else if (entry.kind === 'seen') this.byName.get(entry.op)?.seen.push(entry);
    else if (entry.kind === 'deposed' || entry.kind === 'known') this.#leaders(entry);
    else if (entry.kind === 'set-back') this.setBacks.push(entry);
    else if (entry.kind === 'drained') this.drainedFrom = entry.from;
    else this.isComplete = true;
  }

  #call(call: Call): void {
    const operation: Operation = {
      call,
      began: call.at,
      ended: Number.POSITIVE_INFINITY,
      answer: undefined,
      seen: [],
    };
    this.byName.set(call.op, operation);
    if (call.shard !== undefined) this.shardOf.set(call.session, call.shard);
    const inSession = this.bySession.get(call.session);
    if (inSession === undefined) this.bySession.set(call.session, [operation]);
    else inSession.push(operation);
    for (const name of call.events ?? []) {
      const written = this.written.get(name);
      if (written === undefined) {
        this.written.set(name, { name, session: call.session, attempts: [operation] });
      } else written.attempts.push(operation);
    }
  }

  #return(answer: Return): void {
    const operation = this.byName.get(answer.op);
    if (operation === undefined) throw new TypeError(`an answer to nothing. op=${answer.op}`);
    operation.answer = answer;
    if (answer.outcome !== 'unknown') operation.ended = answer.at;
  }

  #leaders({
    kind,
    shard,
    at,
  }: Extract<Entry, { shard: string; kind: 'deposed' | 'known' }>): void {
    const windows = this.deposed.get(shard) ?? [];
    this.deposed.set(shard, windows);
    const last = windows.at(-1);
    if (kind === 'known') {
      if (last !== undefined) last.ended = at;
    } else windows.push({ began: at, ended: Number.POSITIVE_INFINITY });
  }
}

export function operationsOf(entries: readonly Entry[], findings: Findings): Operations {
  const gathering = new Gathering();
  const ordered = entries.toSorted((one, other) => one.at - other.at);
  for (const entry of ordered) gathering.add(entry);
  const all = [...gathering.byName.values()];
  if (gathering.isComplete) {
    for (const { call, answer } of all) {
      if (answer !== undefined) continue;
      const message = `${call.type} was never answered`;
      findings.add('never-answered', call.session, { message, ops: [call.op] });
    }
  }
  const { bySession, written, shardOf, deposed, setBacks, drainedFrom, isComplete } = gathering;
  const times = { deposed, setBacks, drainedFrom, isComplete };
  return { all, bySession, written, shardOf, ...times };
}

/**
 * The earliest moment that an answer may speak of: its request's, or, while a deposed leader may have
 * answered, that leader's last. `session` is the one that it speaks of: its own, or a fork's source.
 */
export function earliestOf(
  operations: Operations,
  { call, began, ended }: Operation,
  session: string = call.session,
): number {
  const shard = operations.shardOf.get(session);
  let earliest = began;
  for (const window of (shard === undefined ? undefined : operations.deposed.get(shard)) ?? []) {
    if (window.began > ended) break;
    if (window.ended >= began) earliest = Math.min(earliest, window.began);
  }
  return earliest;
}
