// What workers ask of a session's turns, decided on its state. Whoever decided on an older one finds its
// records void: that is the fence.

import { Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import type { FactDecision } from './commands.ts';
import { Chain, liveStream } from './decision.ts';
import { eventIdAt, seqOfEventId, stampedBody } from './event-identity.ts';
import { noteOf } from './event-notes.ts';
import type { Draft } from './record.ts';
import type { Actor } from './session-facts.ts';
import type { SessionState, StreamState } from './state.ts';
import type { RunningTurn, TurnFact, TurnResult, Turns, YieldReason } from './turns.ts';

type Outcome = ReturnType<FactDecision>;
type Context = Parameters<FactDecision>[1];

/** A worker that is asked to stop has so long. */
const cancelGraceMs = 5_000;

/** An event to be written, its members but for id and time. */
export interface RunEvent {
  readonly id?: string | undefined;
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface Fence {
  readonly turn: string;
  readonly generation: number;
}

/** What a worker has of a turn. */
export interface HeldTurn extends Fence {
  readonly isOver: boolean;
  readonly reason: YieldReason | undefined;
  readonly isCanceled: boolean;
  readonly leaseMs: number;
  readonly fromSeq: number;
  readonly endSeq: number;
  readonly inputEndSeq: number;
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** Where the events that were written lie. */
  readonly firstSeq: number;
  readonly tailSeq: number;
}

const plain = { processedAt: undefined, namesOutcome: false };

/** Drafts one behind the other, and the places of their events. */
class Writing {
  readonly drafts: Draft[] = [];
  readonly #stream: StreamState;
  readonly #timeMs: number;
  readonly #ids = new Set<string>();
  tailSeq: number;

  constructor(stream: StreamState, timeMs: number) {
    this.#stream = stream;
    this.#timeMs = timeMs;
    this.tailSeq = stream.tailSeq;
  }

  fact(fact: TurnFact & Actor): this {
    this.drafts.push({ kind: 'fact', value: bytesOf(JSON.stringify(fact)) });
    return this;
  }

  /** Those that the session knows by their ids are there already. */
  events(events: readonly RunEvent[]): this {
    for (const { id, ...members } of events) {
      if (id !== undefined && (this.#ids.has(id) || this.#stream.eventIds.get(id))) continue;
      if (id !== undefined) this.#ids.add(id);
      const seq = this.tailSeq;
      const rest = bytesOf(`,${JSON.stringify(members).slice(1)}`);
      const at = { stream: this.#stream, seq, timeMs: this.#timeMs };
      const value = stampedBody({ ...plain, id }, rest, at);
      const { type } = members as RunEvent;
      const note = noteOf(type, members);
      this.drafts.push({ kind: 'event', value, seq, eventId: id, type, note });
      this.tailSeq += 1;
    }
    const first = this.drafts.findIndex(({ kind }) => kind === 'event');
    const count = this.tailSeq - this.#stream.tailSeq;
    const draft = this.drafts[first];
    if (draft !== undefined) this.drafts[first] = { ...draft, count };
    return this;
  }
}

interface Managed {
  readonly state: SessionState;
  readonly stream: StreamState;
  readonly turns: Turns;
  readonly context: Context;
  readonly timeMs: number;
}

const onManaged =
  (decide: (managed: Managed) => Outcome): FactDecision =>
  (state, context) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) return { kind: 'refused', problem: stream };
    const { profile, turns } = stream.aspects;
    if (profile.run === undefined) return refused('not-found', 'no worker runs this session');
    return decide({ state, stream, turns, context, timeMs: Chain.timeOf(state, context) });
  };

const refused = (code: 'not-found' | 'turn-lost', detail: string): Outcome => ({
  kind: 'refused',
  problem: new Problem(code, detail),
});

const lost = (): Outcome => refused('turn-lost', 'the turn is over, or another worker has it');

/** A turn that nobody has given a time has one all the same. */
const turnSecondsDefault = 1_800;

const deadlineOf = ({ aspects }: StreamState, startedAtMs: number): number =>
  startedAtMs + (aspects.profile.run?.limits.turnSeconds ?? turnSecondsDefault) * 1_000;

/** Why a turn is over, whatever its worker thinks. */
export function dueReason(stream: StreamState, nowMs: number): YieldReason | undefined {
  const { profile, turns } = stream.aspects;
  const { running } = turns;
  if (running === undefined) return undefined;
  const { tokens, turns: steps } = profile.run?.limits ?? {};
  const { cancelAskedAtMs } = running;
  if (cancelAskedAtMs !== undefined && nowMs >= cancelAskedAtMs + cancelGraceMs) return 'canceled';
  if (nowMs >= deadlineOf(stream, running.startedAtMs)) return 'deadline_exceeded';
  if (tokens !== undefined && running.tokens >= tokens) return 'budget_exceeded';
  return steps !== undefined && running.steps >= steps ? 'max_turns' : undefined;
}

/** When somebody has to look at the turn again, if nothing is said of it; undefined where never. */
export function turnDueAtMs(stream: StreamState): number | undefined {
  const { running } = stream.aspects.turns;
  if (running === undefined) return undefined;
  const { cancelAskedAtMs } = running;
  const cancelAtMs = cancelAskedAtMs === undefined ? Infinity : cancelAskedAtMs + cancelGraceMs;
  return Math.min(cancelAtMs, deadlineOf(stream, running.startedAtMs));
}

const isOver = (running: RunningTurn, nowMs: number): boolean =>
  nowMs >= running.renewedAtMs + running.leaseMs;

/** Whether a worker could claim a turn here. */
export function isClaimable(stream: StreamState, nowMs: number): boolean {
  const { turns, lifecycle, profile } = stream.aspects;
  if (profile.run === undefined || stream.isClosed) return false;
  if (turns.running !== undefined) return isOver(turns.running, nowMs);
  return turns.waitingSeq !== undefined && lifecycle.hold !== 'paused';
}

/** Calls whose worker is gone: whoever reads on finds a result for each. */
const settling = (running: RunningTurn, why: string): readonly RunEvent[] =>
  running.calls.map((call) => ({
    type: 'agent.tool_result',
    tool_use_id: call,
    content: [{ type: 'text', text: why }],
    is_error: true,
    level: 'progress',
    actor: { type: 'system' },
    turn_id: running.id,
    settled_by: 'system',
  }));

const tellsStart = (running: RunningTurn | Turns, turn: string, turns: Turns): RunEvent => {
  const isAgain = 'id' in running;
  return {
    type: isAgain ? 'turn.resumed' : 'turn.started',
    level: 'progress',
    actor: { type: 'system' },
    turn_id: turn,
    body: {
      turn_id: turn,
      // As they are told: from 1 on, both ends within.
      input_from_seq: (isAgain ? running.fromSeq : (turns.waitingSeq ?? 0)) + 1,
      input_to_seq: isAgain ? running.endSeq : turns.inputEndSeq,
    },
  };
};

export const decideClaimTurn = (
  {
    turn,
    worker,
    leaseMs,
  }: { readonly turn: string; readonly worker: string; readonly leaseMs: number },
  actor: Actor,
): FactDecision =>
  onManaged((managed) => {
    const { stream, turns, context, timeMs } = managed;
    if (!isClaimable(stream, context.nowMs)) return { kind: 'answer', answer: undefined };
    const { running } = turns;
    const reason = dueReason(stream, context.nowMs);
    if (running !== undefined && reason !== undefined) {
      return end(managed, running, { reason, actor, events: [], answers: false });
    }
    const writing = new Writing(stream, timeMs);
    const generation = turns.generation + 1;
    const id = running?.id ?? turn;
    const claim = {
      type: 'turn-claimed',
      turn: id,
      generation,
      worker,
      leaseMs,
      ...actor,
    } as const;
    if (running !== undefined) writing.events(settling(running, 'the worker was lost'));
    writing.fact(claim);
    writing.events([
      tellsStart(running ?? turns, id, turns),
      ...(running === undefined ? [{ type: 'session.status_running', turn_id: id }] : []),
    ]);
    const held: HeldTurn = {
      turn: id,
      generation,
      isOver: false,
      reason: undefined,
      isCanceled: running?.cancelAskedAtMs !== undefined,
      leaseMs,
      fromSeq: running?.fromSeq ?? turns.waitingSeq ?? 0,
      endSeq: running?.endSeq ?? turns.inputEndSeq,
      inputEndSeq: turns.inputEndSeq,
      startedAtMs: running?.startedAtMs ?? timeMs,
      deadlineAtMs: deadlineOf(stream, running?.startedAtMs ?? timeMs),
      firstSeq: stream.tailSeq,
      tailSeq: writing.tailSeq,
    };
    return { kind: 'records', drafts: writing.drafts, answer: held };
  });

const heldIn = ({ running, generation }: Turns, fence: Fence): RunningTurn | undefined =>
  running?.id === fence.turn && generation === fence.generation ? running : undefined;

function heldOf(
  { stream, turns }: Managed,
  running: RunningTurn,
  rest: Partial<HeldTurn>,
): HeldTurn {
  const { id: turn, leaseMs, fromSeq, endSeq, startedAtMs, cancelAskedAtMs } = running;
  return {
    turn,
    generation: turns.generation,
    isOver: false,
    reason: undefined,
    isCanceled: cancelAskedAtMs !== undefined,
    leaseMs,
    fromSeq,
    endSeq,
    inputEndSeq: turns.inputEndSeq,
    startedAtMs,
    deadlineAtMs: deadlineOf(stream, startedAtMs),
    firstSeq: stream.tailSeq,
    tailSeq: stream.tailSeq,
    ...rest,
  };
}

/** Writes what the worker has done, and renews its lease; ends the turn where that was too much. */
export const decideReportTurn = (
  fence: Fence,
  { events, takesInputs }: { readonly events: readonly RunEvent[]; readonly takesInputs: boolean },
  actor: Actor,
): FactDecision =>
  onManaged((managed) => {
    const { stream, turns, context, timeMs } = managed;
    const running = heldIn(turns, fence);
    if (running === undefined) return lost();
    const spent = spentBy(stream, running, { events, nowMs: context.nowMs });
    if (spent !== undefined) {
      return end(managed, running, { reason: spent, actor, events, answers: true });
    }
    const writing = new Writing(stream, timeMs).events(events);
    const endSeq = takesInputs ? turns.inputEndSeq : undefined;
    writing.fact({ type: 'turn-renewed', ...fence, endSeq, ...actor });
    const answer = heldOf(managed, running, {
      tailSeq: writing.tailSeq,
      endSeq: endSeq ?? running.endSeq,
    });
    return { kind: 'records', drafts: writing.drafts, answer };
  });

/** As the fold will count it once these are written. */
function spentBy(
  stream: StreamState,
  running: RunningTurn,
  { events, nowMs }: { readonly events: readonly RunEvent[]; readonly nowMs: number },
): YieldReason | undefined {
  let { tokens, steps } = running;
  for (const { id, type, model_usage: usage } of events) {
    if (type !== 'span.model_request_end') continue;
    if (id !== undefined && stream.eventIds.get(id) !== undefined) continue;
    steps += 1;
    tokens += tokensIn(usage, 'input_tokens') + tokensIn(usage, 'output_tokens');
  }
  const turns = { ...stream.aspects.turns, running: { ...running, tokens, steps } };
  return dueReason({ ...stream, aspects: { ...stream.aspects, turns } }, nowMs);
}

const tokensIn = (usage: unknown, name: string): number => {
  const count = (usage as Readonly<Record<string, unknown>> | undefined)?.[name];
  return Number.isSafeInteger(count) && Number(count) >= 0 ? Number(count) : 0;
};

interface Ending {
  readonly reason: YieldReason;
  readonly actor: Actor;
  readonly events: readonly RunEvent[];
  readonly error?: string | undefined;
  readonly resultEventId?: string | undefined;
  /** Whether whoever asks holds the turn. */
  readonly answers: boolean;
}

/** A turn that is over under this generation is told of as it ended. */
export const decideEndTurn = (
  fence: Fence,
  ending: Omit<Ending, 'actor' | 'answers'>,
  actor: Actor,
): FactDecision =>
  onManaged((managed) => {
    const { turns } = managed;
    const running = heldIn(turns, fence);
    const last = turns.ended.at(-1);
    const isRepeat = turns.running === undefined && last?.id === fence.turn;
    if (isRepeat && turns.generation === fence.generation) {
      return { kind: 'answer', answer: last };
    }
    if (running === undefined) return lost();
    const due = spentBy(managed.stream, running, {
      events: ending.events,
      nowMs: managed.context.nowMs,
    });
    // A turn that came to its end within its limits has.
    const reason = due === 'canceled' || due === 'deadline_exceeded' ? due : ending.reason;
    return end(managed, running, { ...ending, reason, actor, answers: true });
  });

/**
 * Ends a turn whose time is over, its limit reached, or which did not stop when it was asked to; or any,
 * where its session is over.
 */
export const decideSweepTurn = (actor: Actor, isOver = false): FactDecision =>
  onManaged((managed) => {
    const { running } = managed.turns;
    const due = dueReason(managed.stream, managed.context.nowMs);
    const reason = due ?? (isOver ? 'canceled' : undefined);
    if (running === undefined || reason === undefined) return { kind: 'answer', answer: undefined };
    return end(managed, running, { reason, actor, events: [], answers: false });
  });

/** Asks the worker to stop, and leaves what waits; where there is nothing to stop, nothing is written. */
export const decideCancelTurn = (actor: Actor): FactDecision =>
  onManaged(({ stream, turns, timeMs }) => {
    const isAsked = turns.running?.cancelAskedAtMs !== undefined;
    const isIdle = turns.running === undefined && turns.waitingSeq === undefined;
    if (isAsked || isIdle) return { kind: 'answer', answer: undefined };
    const writing = new Writing(stream, timeMs);
    writing.events([
      { type: 'user.interrupt', level: 'progress', actor: { type: 'human', id: actor.by } },
    ]);
    return { kind: 'records', drafts: writing.drafts, answer: undefined };
  });

const stops: Readonly<Record<YieldReason, string>> = {
  completed: 'end_turn',
  needs_input: 'requires_action',
  error: 'retries_exhausted',
  budget_exceeded: 'budget_reached',
  deadline_exceeded: 'deadline_exceeded',
  max_turns: 'max_turns',
  canceled: 'interrupted',
};

function end(managed: Managed, running: RunningTurn, ending: Ending): Outcome {
  const { stream, turns, timeMs } = managed;
  const { reason, actor, error } = ending;
  const writing = new Writing(stream, timeMs).events(ending.events);
  const open = openBehind(running, ending.events);
  writing.events(settling({ ...running, calls: open }, `the turn has ended: ${reason}`));
  const result = resultOf(stream, running, ending);
  const asks = reason === 'needs_input' && result !== undefined ? [result.id] : [];
  const fact: TurnFact = {
    type: 'turn-ended',
    turn: running.id,
    generation: turns.generation,
    reason,
    result,
    error,
  };
  writing.events([
    {
      type: 'turn.completed',
      level: 'user',
      actor: { type: 'system' },
      turn_id: running.id,
      body: {
        turn_id: running.id,
        yield_reason: reason,
        outcome: reason,
        result_event_id: result?.id,
        error,
        usage: { tokens: running.tokens, steps: running.steps },
      },
    },
    {
      type: 'session.status_idle',
      stop_reason: { type: stops[reason], event_ids: asks },
      turn_id: running.id,
    },
  ]);
  writing.fact({ ...fact, ...actor });
  const answer = ending.answers
    ? heldOf(managed, running, { isOver: true, reason, tailSeq: writing.tailSeq })
    : undefined;
  return { kind: 'records', drafts: writing.drafts, answer };
}

/** Calls that are open once these events are written. */
function openBehind({ calls }: RunningTurn, events: readonly RunEvent[]): readonly string[] {
  const open = new Set(calls);
  for (const { id, type, tool_use_id: of } of events) {
    if (type === 'agent.tool_use' && id !== undefined) open.add(id);
    if (type === 'agent.tool_result') open.delete(String(of));
  }
  return [...open];
}

/** What the worker names, or the last that the agent said. */
function resultOf(
  stream: StreamState,
  running: RunningTurn,
  { events, resultEventId }: Ending,
): TurnResult | undefined {
  const fresh = events.filter(
    ({ id }) => id === undefined || stream.eventIds.get(id) === undefined,
  );
  const last = fresh.findLastIndex(({ id, type }) =>
    resultEventId === undefined ? type === 'agent.message' : id === resultEventId,
  );
  if (last !== -1) {
    const seq = stream.tailSeq + last;
    return { id: fresh[last]?.id ?? eventIdAt(stream, seq), seq };
  }
  if (resultEventId === undefined) return running.result;
  const seq = stream.eventIds.get(resultEventId)?.firstSeq ?? seqOfEventId(stream, resultEventId);
  return seq === undefined ? running.result : { id: resultEventId, seq };
}
