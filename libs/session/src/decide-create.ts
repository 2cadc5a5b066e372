import { defaultContentType, mediaTypeOf, Problem } from '@tidemark/protocol';
import type { CreateCommand } from './commands.ts';
import { encodeConfig, type SessionConfig } from './config.ts';
import { answer, Chain, type DecideContext, type Decision, refuse } from './decision.ts';
import { isDue } from './expiry.ts';
import type { ForkOrigin, SessionState, StreamState } from './state.ts';

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
      ? answer({ kind: 'created', isNew: false })
      : refuse(new Problem('session-exists', 'exists with another configuration'));
  }
  return write(state, command, context);
}

/** Whether a create that repeats asks for what is there. */
function isSameConfig(stream: StreamState, command: CreateCommand): boolean {
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
  const { fork, events } = command;
  const contentType = command.contentType ?? fork?.contentType ?? defaultContentType;
  const incarnation = fork?.incarnation ?? context.newId();
  if (state.burned.includes(incarnation)) {
    return refuse(new Problem('unavailable', 'the fork was given up before it was created'));
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
  };
  chain.add({ kind: 'create', value: encodeConfig(config) });
  const firstSeq = fork?.origin.seq ?? 0;
  for (const [index, value] of events.entries()) {
    const count = index === 0 ? events.length : undefined;
    chain.add({ kind: 'event', value, seq: firstSeq + index, count });
  }
  if (command.isClosed) chain.add({ kind: 'close' });
  return { kind: 'write', records: chain.records, reply: { kind: 'created', isNew: true } };
}
