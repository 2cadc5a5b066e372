// The turns of a session that workers run: what waits to be taken, the turn that runs, and those that ended.
//
// (1) One turn runs at a time, under one generation: a claim draws the next one, and whoever has an older
//     one decides on a state that is no more.
// (2) An input is a seq: a turn has those of a range, and what comes behind waits for the next turn, or
//     for the running one to take it.
// (3) A turn ends with no call open: who ends it, or takes it over, has settled them in the same write.
// (4) Nothing here knows a clock: record times tell when a lease began, and whoever tries decides.
//
// -       -> waiting   an input
// waiting -> running   turn-claimed
// running -> running   turn-claimed (the next generation), turn-renewed
// running -> ended     turn-ended

import { limits } from '@tidemark/protocol';
import type { TypedEvent } from './activity.ts';
import { type Check, type Fields, isCount, isText, optional, shaped } from './shapes.ts';

export const yieldReasons = [
  'completed',
  'needs_input',
  'error',
  'budget_exceeded',
  'deadline_exceeded',
  'max_turns',
  'canceled',
] as const;

export type YieldReason = (typeof yieldReasons)[number];

export const isYieldReason = (value: unknown): value is YieldReason =>
  yieldReasons.includes(value as YieldReason);

/** An event, by its id and where it lies. */
export interface TurnResult {
  readonly id: string;
  readonly seq: number;
}

export interface RunningTurn {
  readonly id: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly startedAtMs: number;
  readonly renewedAtMs: number;
  /** Its inputs lie here; the second exclusive. */
  readonly fromSeq: number;
  readonly endSeq: number;
  /** Ids of calls that have no result yet. */
  readonly calls: readonly string[];
  readonly tokens: number;
  readonly steps: number;
  /** What it came to: the last that its agent said. */
  readonly result: TurnResult | undefined;
  readonly cancelAskedAtMs: number | undefined;
}

export interface EndedTurn {
  readonly id: string;
  readonly reason: YieldReason;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly fromSeq: number;
  readonly endSeq: number;
  readonly tokens: number;
  readonly steps: number;
  readonly result: TurnResult | undefined;
  readonly error: string | undefined;
}

export interface Turns {
  /** Of the last claim. */
  readonly generation: number;
  readonly running: RunningTurn | undefined;
  /** The newest last. */
  readonly ended: readonly EndedTurn[];
  /** How many ever began. */
  readonly count: number;
  /** The first input that no turn has; undefined where none waits. */
  readonly waitingSeq: number | undefined;
  /** Behind the last input. */
  readonly inputEndSeq: number;
}

export const noTurns: Turns = {
  generation: 0,
  running: undefined,
  ended: [],
  count: 0,
  waitingSeq: undefined,
  inputEndSeq: 0,
};

export type TurnFact =
  | {
      readonly type: 'turn-claimed';
      readonly turn: string;
      readonly generation: number;
      readonly worker: string;
      readonly leaseMs: number;
    }
  | {
      readonly type: 'turn-renewed';
      readonly turn: string;
      readonly generation: number;
      /** Inputs below it are taken as well. */
      readonly endSeq?: number | undefined;
    }
  | {
      readonly type: 'turn-ended';
      readonly turn: string;
      readonly generation: number;
      readonly reason: YieldReason;
      readonly result?: TurnResult | undefined;
      readonly error?: string | undefined;
    };

const isShort: Check = (value) => isText(value) && value.length <= limits.tokenBytesMax;
const isError: Check = (value) => isText(value) && value.length <= limits.turnErrorCharsMax;
const isLease: Check = (value) =>
  isCount(value) && value >= limits.leaseMsMin && value <= limits.leaseMsMax;
const fence = { turn: isShort, generation: isCount };

export const turnShapes: Readonly<Record<TurnFact['type'], Check>> = {
  'turn-claimed': shaped({ ...fence, worker: isShort, leaseMs: isLease }),
  'turn-renewed': shaped({ ...fence, endSeq: optional(isCount) }),
  'turn-ended': shaped({
    ...fence,
    reason: isYieldReason,
    result: optional(shaped({ id: isShort, seq: isCount })),
    error: optional(isError),
  }),
};

/** Undefined where it cannot be said of these turns. */
export function evolveTurnFact(turns: Turns, fact: TurnFact, timeMs: number): Turns | undefined {
  if (fact.type === 'turn-claimed') return claimed(turns, fact, timeMs);
  const { running, generation } = turns;
  const isHeld =
    running !== undefined && running.id === fact.turn && generation === fact.generation;
  if (!isHeld) return undefined;
  if (fact.type === 'turn-ended') return ended(turns, running, { fact, timeMs });
  const endSeq = fact.endSeq ?? running.endSeq;
  if (endSeq < running.endSeq || endSeq > turns.inputEndSeq) return undefined;
  return {
    ...turns,
    running: { ...running, endSeq, renewedAtMs: timeMs },
    waitingSeq:
      endSeq < turns.inputEndSeq ? Math.max(turns.waitingSeq ?? endSeq, endSeq) : undefined,
  };
}

function claimed(
  turns: Turns,
  fact: Extract<TurnFact, { type: 'turn-claimed' }>,
  timeMs: number,
): Turns | undefined {
  const { running, waitingSeq, generation } = turns;
  if (fact.generation !== generation + 1) return undefined;
  const { worker, leaseMs } = fact;
  if (running !== undefined) {
    if (running.id !== fact.turn || running.calls.length > 0) return undefined;
    const next = { ...running, worker, leaseMs, renewedAtMs: timeMs };
    return { ...turns, generation: fact.generation, running: next };
  }
  if (waitingSeq === undefined) return undefined;
  const begun: RunningTurn = {
    id: fact.turn,
    worker,
    leaseMs,
    startedAtMs: timeMs,
    renewedAtMs: timeMs,
    fromSeq: waitingSeq,
    endSeq: turns.inputEndSeq,
    calls: [],
    tokens: 0,
    steps: 0,
    result: undefined,
    cancelAskedAtMs: undefined,
  };
  return {
    ...turns,
    generation: fact.generation,
    running: begun,
    count: turns.count + 1,
    waitingSeq: undefined,
  };
}

function ended(
  turns: Turns,
  running: RunningTurn,
  {
    fact,
    timeMs,
  }: { readonly fact: Extract<TurnFact, { type: 'turn-ended' }>; readonly timeMs: number },
): Turns | undefined {
  if (running.calls.length > 0) return undefined;
  const { id, startedAtMs, fromSeq, endSeq, tokens, steps } = running;
  const turn: EndedTurn = {
    id,
    reason: fact.reason,
    startedAtMs,
    endedAtMs: timeMs,
    fromSeq,
    endSeq,
    tokens,
    steps,
    result: fact.result ?? running.result,
    error: fact.error,
  };
  return { ...turns, running: undefined, ended: [...turns.ended, turn].slice(-limits.turnsMax) };
}

/** What an input is: what somebody says to an agent, or answers it. */
const inputs: ReadonlySet<string> = new Set([
  'user.message',
  'user.tool_confirmation',
  'user.tool_result',
  'user.custom_tool_result',
]);

type Effect = (running: RunningTurn, event: TypedEvent) => RunningTurn;

const effects: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['agent.tool_use', (running, { id }) => opened(running, id)],
  ['agent.tool_result', (running, { note }) => settled(running, note)],
  ['agent.message', (running, { id, seq }) => ({ ...running, result: { id, seq } })],
  [
    'span.model_request_end',
    (running, { note }) => ({
      ...running,
      steps: running.steps + 1,
      tokens: running.tokens + countIn(note, 'input') + countIn(note, 'output'),
    }),
  ],
]);

/** Whether an event of this type changes anything here. */
export const isOfTurns = (type: string): boolean =>
  type === 'user.interrupt' || inputs.has(type) || effects.has(type);

const countIn = (fields: Fields, name: string): number =>
  isCount(fields[name]) ? fields[name] : 0;

/** Beyond the bound a call is not remembered, and then nobody settles it. */
function opened(running: RunningTurn, id: string): RunningTurn {
  const { calls } = running;
  if (calls.length >= limits.pendingMax || calls.includes(id)) return running;
  return { ...running, calls: [...calls, id] };
}

function settled(running: RunningTurn, { of }: Fields): RunningTurn {
  const { calls } = running;
  return calls.includes(String(of))
    ? { ...running, calls: calls.filter((call) => call !== of) }
    : running;
}

export function evolveTurnEvent(turns: Turns, event: TypedEvent): Turns {
  const { running } = turns;
  if (event.type === 'user.interrupt') return interrupted(turns, event);
  if (inputs.has(event.type)) {
    const waitingSeq = turns.waitingSeq ?? event.seq;
    return { ...turns, waitingSeq, inputEndSeq: event.seq + 1 };
  }
  const effect = effects.get(event.type);
  if (running === undefined || effect === undefined) return turns;
  return { ...turns, running: effect(running, event) };
}

/** A turn that runs is asked to stop; what only waits is not taken any more. */
function interrupted(turns: Turns, { timeMs }: TypedEvent): Turns {
  const { running } = turns;
  if (running === undefined) return { ...turns, waitingSeq: undefined };
  const cancelAskedAtMs = running.cancelAskedAtMs ?? timeMs;
  return { ...turns, running: { ...running, cancelAskedAtMs } };
}
