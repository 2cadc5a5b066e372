import { defaultContentType, limits, mediaTypeOf, Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { addEvents } from './chained-events.ts';
import type { CreateCommand, Reply } from './commands.ts';
import { encodeConfig, type ForkOrigin, type SessionConfig } from './config.ts';
import { answer, Chain, type DecideContext, type Decision, refuse } from './decision.ts';
import { mayOwe } from './evolve.ts';
import { isDue } from './expiry.ts';
import { aspectsFrom, evolveSessionFact } from './session-facts.ts';
import { beginStream, cursorAt, type SessionState, type StreamState } from './state.ts';

export function decideCreate(
  state: SessionState,
  command: CreateCommand,
  context: DecideContext,
): Decision {
  if (state.life === 'gone') {
    return refuse(new Problem('session-exists', 'deleted, and its forks live on'));
  }
  if (state.stream !== undefined && !isDue(state, context.nowMs)) {
    return isSameConfig(state.stream, command)
      ? answer(createdReply(state.stream, { isNew: false, isClosed: state.stream.isClosed }))
      : refuse(new Problem('session-exists', 'exists with another configuration'));
  }
  return write(state, command, context);
}

/** Whether a create that repeats asks for what is there. */
export function isSameConfig(stream: StreamState, command: CreateCommand): boolean {
  const { fork } = command;
  const contentType = command.contentType ?? fork?.contentType ?? defaultContentType;
  return (
    mediaTypeOf(contentType) === mediaTypeOf(stream.contentType) &&
    command.isClosed === stream.isClosed &&
    isSameLifetime(stream, command) &&
    isSameOrigin(stream.origin, fork?.origin)
  );
}

function isSameLifetime(stream: StreamState, command: CreateCommand): boolean {
  const { ttlMs, expiresAtMs } = lifetimeOf(command);
  return ttlMs === stream.ttlMs && expiresAtMs === stream.expiresAtMs;
}

/** A fork takes its source's lifetime only where the request says nothing of one. */
function lifetimeOf(command: CreateCommand): Pick<SessionConfig, 'ttlMs' | 'expiresAtMs'> {
  const { ttlMs, expiresAtMs, fork } = command;
  const isOwn = ttlMs !== undefined || expiresAtMs !== undefined || fork === undefined;
  return isOwn ? { ttlMs, expiresAtMs } : { ttlMs: fork.ttlMs, expiresAtMs: fork.expiresAtMs };
}

function isSameOrigin(existing: ForkOrigin | undefined, asked: ForkOrigin | undefined): boolean {
  if (existing === undefined || asked === undefined) return existing === asked;
  return (
    existing.source === asked.source &&
    existing.isExplicit === asked.isExplicit &&
    (!asked.isExplicit || existing.position === asked.position)
  );
}

/** Begins the chain with `expire` where an incarnation that is over is still in the way. */
function write(state: SessionState, command: CreateCommand, context: DecideContext): Decision {
  const { fork, profile } = command;
  const contentType = command.contentType ?? fork?.contentType ?? defaultContentType;
  const incarnation = fork?.incarnation ?? context.newIds(1);
  if (state.burned.includes(incarnation)) {
    return refuse(new Problem('unavailable', 'the fork was given up before it was created'));
  }
  if (fork !== undefined && !mayOwe(state)) {
    return refuse(new Problem('unavailable', 'forks of this name are still being given up'));
  }
  const chain = new Chain(state, context);
  if (state.life === 'live') {
    if (state.stream !== undefined && state.stream.refs.size > 0) {
      return refuse(new Problem('session-exists', 'expired, and its forks live on'));
    }
    chain.add({ kind: 'expire' });
  }
  const config: SessionConfig = {
    incarnation,
    contentType,
    ...lifetimeOf(command),
    origin: fork?.origin,
    lineage: fork?.lineage,
    profile,
  };
  chain.add({ kind: 'create', value: encodeConfig(config) });
  const aspects = aspectsFrom(profile);
  if (aspects === undefined) return refuse(tooLarge());
  const begun = beginStream(state, config, { timeMs: chain.timeMs, aspects });
  for (const fact of command.facts ?? []) {
    const next = evolveSessionFact(begun, { ...fact }, { timeMs: chain.timeMs });
    if (next === undefined) return refuse(tooLarge());
    begun.aspects = next;
    chain.add({ kind: 'fact', value: bytesOf(JSON.stringify(fact)) });
  }
  const { endPosition } = addEvents(chain, begun, { given: command, identities: {} });
  if (command.isClosed) chain.add({ kind: 'close' });
  const after = { ...begun, tailPosition: endPosition };
  const reply = createdReply(after, { isNew: true, isClosed: command.isClosed });
  return { kind: 'write', records: chain.records, reply };
}

const tooLarge = (): Problem =>
  new Problem('too-large', 'what a session is made with is bounded', {
    facts: { limit: 'profileBytesMax', limitBytes: limits.profileBytesMax },
  });

export const createdReply = (
  stream: StreamState,
  { isNew, isClosed }: { readonly isNew: boolean; readonly isClosed: boolean },
): Extract<Reply, { kind: 'created' }> => ({
  kind: 'created',
  isNew,
  isClosed,
  contentType: stream.contentType,
  nextOffset: cursorAt(stream, stream.tailPosition),
});
