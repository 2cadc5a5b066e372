// What is done to a session's life. Each answer tells behind how many of the session's records it speaks, so
// that answers stand in the log's own order.
//
// (1) Acts that were acknowledged do not overlap, and of the attempts of one request one writes.
// (2) Each was possible in the state that it was done in; what was refused was not.
// (3) The state that is told is what the acts before it make, with any of those whose outcome nobody knows.
// (4) What was told is not taken back: who asks later is answered from as many records or more.

import { earliestOf, isOk, isRefused, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

interface State {
  readonly hold: 'none' | 'paused' | 'resumed';
  readonly isStarted: boolean;
  readonly isRunning: boolean;
  readonly isClosed: boolean;
  readonly isArchived: boolean;
}

const open: State = {
  hold: 'none',
  isStarted: false,
  isRunning: false,
  isClosed: false,
  isArchived: false,
};

function wordOf(state: State): string {
  if (state.isArchived) return 'archived';
  if (state.isClosed) return 'closed';
  if (state.hold === 'paused') return 'paused';
  if (state.isRunning) return 'active';
  if (state.hold === 'resumed') return 'resumed';
  return state.isStarted ? 'active' : 'open';
}

/** What an act makes of a state; undefined where it cannot be done. A start tells that the session runs. */
function behind(state: State, act: string): State | undefined {
  const word = wordOf(state);
  const isAlive = word !== 'closed' && word !== 'archived';
  if (act === 'start' && (word === 'open' || word === 'resumed')) {
    return { ...state, hold: 'none', isStarted: true, isRunning: true };
  }
  if (act === 'pause' && isAlive && word !== 'paused') return { ...state, hold: 'paused' };
  if (act === 'resume' && word === 'paused') return { ...state, hold: 'resumed' };
  if (act === 'end' && isAlive) return { ...state, isClosed: true, isRunning: false };
  if (act === 'archive' && word !== 'archived' && !(isAlive && state.isRunning)) {
    return { ...state, isClosed: true, isArchived: true };
  }
  return undefined;
}

type States = ReadonlyMap<string, State>;

const statesOf = (states: readonly State[]): States =>
  new Map(states.map((state) => [JSON.stringify(state), state]));

/** All that any number of these acts, in any order, make of these states. */
function reachable(states: States, acts: readonly string[]): States {
  const found = new Map(states);
  for (const state of found.values()) {
    for (const act of acts) {
      const next = behind(state, act);
      if (next !== undefined) found.set(JSON.stringify(next), next);
    }
  }
  return found;
}

const everyState = reachable(statesOf([open]), ['start', 'pause', 'resume', 'end', 'archive']);

const revOf = ({ answer }: Operation): number => answer?.rev ?? 0;
const endOf = ({ answer }: Operation): number => answer?.endRev ?? revOf({ answer } as Operation);

export function checkActs(operations: Operations, findings: Findings): void {
  for (const [session, inSession] of operations.bySession) {
    const acts = inSession.filter(({ call }) => call.type === 'act');
    const told = inSession.filter((operation) => {
      const { type } = operation.call;
      return (type === 'act' || type === 'look') && isOk(operation) && operation.answer?.word;
    });
    if (told.length === 0) continue;
    const unknown = acts.filter((act) => !isOk(act) && !isRefused(act));
    checkStates(
      session,
      { told, unknown: unknown.map(({ call }) => call.act?.act ?? '') },
      findings,
    );
    checkRequests(session, told, findings);
    for (const act of acts) checkRefusal(session, act, findings);
    checkTime(session, { told, operations }, findings);
  }
}

function checkStates(
  session: string,
  { told, unknown }: { readonly told: readonly Operation[]; readonly unknown: readonly string[] },
  findings: Findings,
): void {
  let states = statesOf([open]);
  let position = -1;
  // Of those at one place, whoever only looked comes first.
  const ordered = told.toSorted(
    (one, other) => revOf(one) - revOf(other) || endOf(one) - endOf(other),
  );
  for (const operation of ordered) {
    const { call, answer } = operation;
    const { word = '' } = answer ?? {};
    const ops = [call.op];
    if (revOf(operation) < position) {
      const message = `${call.act?.act} was done behind ${revOf(operation)} records, where another was`;
      findings.add('act-twice', session, { message, ops });
    }
    const possible = revOf(operation) === position ? states : reachable(states, unknown);
    states = new Map([...possible].filter(([, state]) => wordOf(state) === word));
    if (states.size === 0) {
      const words = [...new Set([...possible.values()].map(wordOf))].join(', ');
      findings.add('life-untrue', session, { message: `${word} is told of what is ${words}`, ops });
      states = new Map([...everyState].filter(([, state]) => wordOf(state) === word));
    }
    position = Math.max(position, endOf(operation));
    const act = answer?.endRev === undefined ? undefined : call.act?.act;
    if (act === undefined) continue;
    const next = [...states.values()].map((state) => behind(state, act));
    states = statesOf(next.filter((state) => state !== undefined));
    if (states.size > 0) continue;
    findings.add('act-forbidden', session, { message: `${act} was done to what is ${word}`, ops });
    states = everyState;
  }
}

function checkRequests(session: string, told: readonly Operation[], findings: Findings): void {
  const writers = new Map<string, Operation>();
  for (const operation of told) {
    const { call, answer } = operation;
    if (call.act === undefined || answer?.endRev === undefined) continue;
    const other = writers.get(call.act.request);
    writers.set(call.act.request, operation);
    if (other === undefined) continue;
    const message = `${call.act.act} was asked for once, and done twice`;
    findings.add('act-twice', session, { message, ops: [other.call.op, call.op] });
  }
}

function checkRefusal(session: string, { call, answer }: Operation, findings: Findings): void {
  const { word } = answer ?? {};
  if (answer?.outcome !== 'refused' || word === undefined) return;
  const act = call.act?.act ?? '';
  const inWord = [...everyState.values()].filter((state) => wordOf(state) === word);
  if (inWord.some((state) => behind(state, act) === undefined)) return;
  const message = `${act} was refused to what is ${word}`;
  findings.add('refusal-untrue', session, { message, ops: [call.op] });
}

function checkTime(
  session: string,
  { told, operations }: { readonly told: readonly Operation[]; readonly operations: Operations },
  findings: Findings,
): void {
  const byEnd = told.toSorted((one, other) => one.ended - other.ended);
  const byBegin = told
    .map((operation) => ({ operation, earliest: earliestOf(operations, operation) }))
    .sort((one, other) => one.earliest - other.earliest);
  let next = 0;
  let newest: Operation | undefined;
  for (const { operation, earliest } of byBegin) {
    for (let at = byEnd[next]; at !== undefined && at.ended < earliest; at = byEnd[next]) {
      if (newest === undefined || endOf(at) > endOf(newest)) newest = at;
      next += 1;
    }
    if (newest === undefined || revOf(operation) >= endOf(newest)) continue;
    const message = `${revOf(operation)} records are told behind ${endOf(newest)}`;
    const ops = [newest.call.op, operation.call.op];
    findings.add('life-goes-back', session, { message, ops });
  }
}
