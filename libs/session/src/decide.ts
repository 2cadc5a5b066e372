// Decides a command on a state: the records that carry it out and what to answer once they stand, or
// an answer that writes nothing. The same state and command always give the same decision, but for
// the ids, which are random. An answer that writes nothing is a read: its caller sees to it that the
// state is not older than the request.

import { limits, Problem } from '@tidemark/protocol';
import { bytesOf, unreachable } from '@tidemark/std';
import type { Command } from './commands.ts';
import { decideAppend } from './decide-append.ts';
import { decideCreate } from './decide-create.ts';
import {
  answer,
  Chain,
  type DecideContext,
  type Decision,
  liveStream,
  refuse,
} from './decision.ts';
import { isSameDebt } from './evolve.ts';
import { isDue, needsTouch } from './expiry.ts';
import { heldProblem } from './keeping-decide.ts';
import type { Draft } from './record.ts';
import type { SessionState } from './state.ts';

function writeOne(state: SessionState, context: DecideContext, draft: Draft): Decision {
  const chain = new Chain(state, context);
  chain.add(draft);
  return { kind: 'write', records: chain.records, reply: { kind: 'done', wrote: true } };
}

const unchanged = answer({ kind: 'done', wrote: false });

/** A command that meets a session whose time is over writes that down, and finds nothing. */
function writeExpire(state: SessionState, context: DecideContext): Decision {
  const chain = new Chain(state, context);
  chain.add({ kind: 'expire' });
  const isSource = state.stream !== undefined && state.stream.refs.size > 0;
  const code = isSource ? 'session-gone' : 'session-not-found';
  return { kind: 'write', records: chain.records, reply: new Problem(code, 'expired') };
}

const meetsExpiry: ReadonlySet<Command['kind']> = new Set([
  'append',
  'delete',
  'expire',
  'touch',
  'ref',
  'fact',
  'preview',
]);

export function decide(state: SessionState, command: Command, context: DecideContext): Decision {
  if (isDue(state, context.nowMs) && meetsExpiry.has(command.kind)) {
    return writeExpire(state, context);
  }
  switch (command.kind) {
    case 'create':
      return decideCreate(state, command, context);
    case 'append':
      return decideAppend(state, command, context);
    case 'delete':
      return decideDelete(state, context);
    case 'expire':
      return unchanged;
    case 'touch':
      return decideTouch(state, context);
    case 'ref':
      return decideRef(state, command, context);
    case 'unref':
      return decideUnref(state, command, context);
    case 'burn':
      return decideBurn(state, command.forkIncarnation, context);
    case 'settle':
      return decideSettle(state, command, context);
    case 'genesis':
      return decideGenesis(state, command.level, context);
    case 'level':
      return decideLevel(state, command.level, context);
    case 'fact':
      return decideFact(state, command, context);
    case 'preview':
      return decidePreview(state, command, context);
    default:
      return unreachable(command);
  }
}

const jsonOf = (facts: object): Uint8Array => bytesOf(JSON.stringify(facts));

/** Of many readers at once, in whatever process, the first is enough. */
function decideTouch(state: SessionState, context: DecideContext): Decision {
  const { stream } = state;
  const isNeeded =
    state.life === 'live' && stream !== undefined && needsTouch(stream, context.nowMs);
  return isNeeded ? writeOne(state, context, { kind: 'touch' }) : unchanged;
}

function decideDelete(state: SessionState, context: DecideContext): Decision {
  const stream = liveStream(state);
  if (stream instanceof Problem) return refuse(stream);
  if (stream.aspects.keeping.hold !== undefined) return refuse(heldProblem());
  return writeOne(state, context, { kind: 'delete' });
}

function decideRef(
  state: SessionState,
  command: Extract<Command, { kind: 'ref' }>,
  context: DecideContext,
): Decision {
  const stream = liveStream(state);
  if (stream instanceof Problem) return refuse(stream);
  if (stream.incarnation !== command.incarnation) {
    return refuse(new Problem('session-not-found', 'the source was created again'));
  }
  if (stream.refs.has(command.forkIncarnation)) return unchanged;
  const { fork, forkIncarnation } = command;
  if (!stream.refs.hasRoomFor(fork)) return refuse(tooManyForks());
  return writeOne(state, context, { kind: 'ref', value: jsonOf({ fork, forkIncarnation }) });
}

const tooManyForks = (): Problem =>
  new Problem('too-large', `a session has at most ${limits.forksMax} forks at once`, {
    facts: { limit: 'forksMax', limitBytes: limits.forksMax },
  });

function decideUnref(
  state: SessionState,
  command: Extract<Command, { kind: 'unref' }>,
  context: DecideContext,
): Decision {
  const isHeld =
    state.stream?.incarnation === command.incarnation &&
    state.stream.refs.has(command.forkIncarnation);
  if (!isHeld) return unchanged;
  const { forkIncarnation } = command;
  return writeOne(state, context, { kind: 'unref', value: jsonOf({ forkIncarnation }) });
}

function decideBurn(
  state: SessionState,
  forkIncarnation: string,
  context: DecideContext,
): Decision {
  const isSettled =
    state.burned.includes(forkIncarnation) || state.stream?.incarnation === forkIncarnation;
  if (isSettled) return unchanged;
  return writeOne(state, context, { kind: 'burn', value: jsonOf({ forkIncarnation }) });
}

function decideSettle(
  state: SessionState,
  { owed }: Extract<Command, { kind: 'settle' }>,
  context: DecideContext,
): Decision {
  if (!state.owed.some((debt) => isSameDebt(debt, owed))) return unchanged;
  const { source, forkIncarnation } = owed;
  return writeOne(state, context, { kind: 'settle', value: jsonOf({ source, forkIncarnation }) });
}

function decideGenesis(state: SessionState, level: number, context: DecideContext): Decision {
  if (state.rev > 0) return unchanged;
  return writeOne(state, context, { kind: 'genesis', value: jsonOf({ level }) });
}

function decideLevel(state: SessionState, level: number, context: DecideContext): Decision {
  if (level <= context.level) return unchanged;
  return writeOne(state, context, { kind: 'level', value: jsonOf({ level }) });
}

function decideFact(
  state: SessionState,
  command: Extract<Command, { kind: 'fact' }>,
  context: DecideContext,
): Decision {
  const decision = command.decide(state, context);
  if (decision.kind === 'refused') return refuse(decision.problem);
  const reply = { kind: 'answer', answer: decision.answer } as const;
  if (decision.kind === 'answer') return answer(reply);
  const chain = new Chain(state, context);
  if (decision.kind === 'fact') chain.add({ kind: 'fact', value: jsonOf(decision.fact) });
  else for (const draft of decision.drafts) chain.add(draft);
  return { kind: 'write', records: chain.records, reply };
}

function decidePreview(
  state: SessionState,
  { frames }: Extract<Command, { kind: 'preview' }>,
  context: DecideContext,
): Decision {
  const stream = liveStream(state);
  if (stream instanceof Problem) return refuse(stream);
  return stream.isClosed ? unchanged : writeOne(state, context, { kind: 'preview', value: frames });
}
