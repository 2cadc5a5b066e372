// A session as this API tells it: the fold's state in the vendor's words, and behind them what only this
// server has.

import { timestampText } from '@tidemark/protocol';
import {
  type Activity,
  countsOf,
  factsAt,
  lifecycleWord,
  possibleActs,
  type SessionState,
  type Share,
  type StandingFact,
  type StreamState,
  spentLimit,
  type ThreadState,
  type Usage,
} from '@tidemark/session';
import { unknownAgent } from './agents.ts';
import type { Fields } from './fields.ts';
import { primaryThreadId } from './ids.ts';

/** A stream with its session, as it is now. */
export interface LiveSession {
  readonly name: string;
  readonly stream: StreamState;
  /** Of its last record. */
  readonly changedAtMs: number;
  readonly nowMs: number;
}

export const liveSessionOf = (
  { name, lastTimeMs: changedAtMs }: SessionState,
  stream: StreamState,
  nowMs: number,
): LiveSession => ({ name, stream, changedAtMs, nowMs });

const textOrNull = (atMs: number | undefined): string | null =>
  atMs === undefined ? null : timestampText(atMs);

/** Archived is no status: it is told by its time, and as terminated. */
const statusOf = ({ aspects, isClosed }: StreamState): string =>
  isClosed || aspects.lifecycle.archivedAtMs !== undefined ? 'terminated' : aspects.activity.status;

const seconds = (ms: number): number => Math.round(ms) / 1_000;

const activeMs = ({ activeMs: before, runningSinceMs }: Activity, nowMs: number): number =>
  before + (runningSinceMs === undefined ? 0 : Math.max(0, nowMs - runningSinceMs));

function usageOf(usage: Usage, activeSeconds: number, currency: unknown): Fields {
  const { ephemeral_1h_input_tokens, ephemeral_5m_input_tokens, list_cost, ...tokens } = usage;
  return {
    ...tokens,
    cache_creation: { ephemeral_1h_input_tokens, ephemeral_5m_input_tokens },
    active_seconds: activeSeconds,
    ...(list_cost === undefined ? {} : { list_cost: { amount: list_cost, currency } }),
  };
}

const currencyOf = (budget: Fields | undefined): unknown =>
  (budget?.['max_list_cost'] as Fields | undefined)?.['currency'] ?? 'USD';

export function sessionObject(live: LiveSession): Fields {
  const { name, stream, changedAtMs, nowMs } = live;
  const { aspects } = stream;
  const { profile, activity, lifecycle } = aspects;
  const isOver = statusOf(stream) === 'terminated';
  const endMs = isOver ? changedAtMs : nowMs;
  const active = seconds(activeMs(activity, endMs));
  return {
    id: name,
    type: 'session',
    agent: profile.agent ?? unknownAgent,
    archived_at: textOrNull(lifecycle.archivedAtMs),
    budget: profile.budget ?? null,
    created_at: timestampText(stream.createdAtMs),
    updated_at: timestampText(changedAtMs),
    environment_id: profile.environmentId ?? 'env_unspecified',
    metadata: profile.metadata,
    outcome_evaluations: activity.outcomes.map(outcomeOf),
    resources: profile.resources,
    stats: {
      active_seconds: active,
      duration_seconds: seconds(Math.max(0, endMs - stream.createdAtMs)),
    },
    status: statusOf(stream),
    title: profile.title ?? null,
    usage: usageOf(activity.usage, active, currencyOf(profile.budget)),
    vault_ids: profile.vaultIds,
    ...ownFields(live),
  };
}

/** What the vendor's sessions do not have. */
function ownFields({ stream }: LiveSession): Fields {
  const { aspects } = stream;
  const { activity, profile } = aspects;
  const state = lifecycleWord(aspects, stream.isClosed);
  return {
    lifecycle: { state, possible: possibleActs(state, aspects) },
    stop_reason: activity.stop ?? null,
    pending_event_ids: activity.pending,
    state_changed_at: timestampText(stream.stateChangedAtMs),
    error: activity.error ?? null,
    first_seq: aspects.keeping.head.seq,
    event_count: stream.tailSeq,
    event_bytes: stream.bytes,
    event_times: timesFields(stream),
    turns: activity.turns,
    model_requests: activity.modelRequests,
    limits: profile.limits,
    limit_reached: spentLimit(stream) ?? null,
    fact_count: aspects.facts.count,
  };
}

/** How its events lie in time, from the span on in which the first was appended. */
function timesFields({ times }: StreamState): Fields | null {
  if (times === undefined) return null;
  const { startMs, spanMs } = times;
  return { from: timestampText(startMs), span_seconds: spanMs / 1_000, counts: countsOf(times) };
}

/** A share, as whoever makes one says it. */
export const shareFields = ({ firstSeq, endSeq, isRedacted }: Share): Fields => ({
  first_seq: firstSeq,
  last_seq: endSeq < Number.MAX_SAFE_INTEGER ? endSeq - 1 : null,
  redacted: isRedacted,
});

/** A session of which a share is shown: what is folded of the rest of it, and when it changed, is not told. */
export function sharedSessionObject(live: LiveSession, share: Share): Fields {
  const madeAtMs = live.stream.createdAtMs;
  const still = { ...live, changedAtMs: madeAtMs, nowMs: madeAtMs };
  return { ...sessionObject(still), share: shareFields(share) };
}

const outcomeOf = (outcome: Fields): Fields => ({
  type: 'outcome_evaluation',
  outcome_id: outcome['outcome_id'],
  description: outcome['description'] ?? '',
  explanation: outcome['explanation'] ?? null,
  iteration: outcome['iteration'] ?? 0,
  result: outcome['result'] ?? null,
  completed_at: outcome['completed_at'] ?? null,
});

/** The thread that every session has, and those that were told of. */
export function threadObjects(live: LiveSession): readonly Fields[] {
  const { name, stream, changedAtMs, nowMs } = live;
  const { profile, activity, lifecycle } = stream.aspects;
  const { multiagent: _, ...agent } = profile.agent ?? unknownAgent;
  const active = seconds(activeMs(activity, nowMs));
  const primary = primaryThreadId(name);
  const common = { type: 'session_thread', session_id: name, workflow_run_id: null };
  return [
    {
      id: primary,
      ...common,
      parent_thread_id: null,
      agent,
      status: statusOf(stream),
      archived_at: textOrNull(lifecycle.archivedAtMs),
      created_at: timestampText(stream.createdAtMs),
      updated_at: timestampText(changedAtMs),
      stats: { active_seconds: active, duration_seconds: seconds(nowMs - stream.createdAtMs) },
      usage: usageOf(activity.usage, active, currencyOf(profile.budget)),
    },
    ...activity.threads.map((thread) => ({
      id: thread.id,
      ...common,
      parent_thread_id: primary,
      agent: { ...agent, name: thread.agentName },
      ...threadTimes(thread),
      stats: null,
      usage: null,
    })),
  ];
}

const threadTimes = (thread: ThreadState): Fields => ({
  status: thread.archivedAtMs === undefined ? thread.status : 'terminated',
  archived_at: textOrNull(thread.archivedAtMs),
  created_at: timestampText(thread.createdAtMs),
  updated_at: timestampText(thread.updatedAtMs),
});

/** A session's durable facts, as they are read with it. */
export const factObjects = ({ stream }: LiveSession): readonly Fields[] =>
  stream.aspects.facts.byKey.map(([key, fact]) => factObject({ key, ...fact }));

const factObject = ({ key, version, value, timeMs }: StandingFact): Fields => ({
  key,
  version,
  ...(value === undefined ? { forgotten: true } : { value: JSON.parse(value) as unknown }),
  updated_at: timestampText(timeMs),
});

/** As they stood when an event was appended. */
export const factObjectsAt = ({ stream }: LiveSession, seq: number): Fields => ({
  data: factsAt(stream.aspects.facts, seq).map(factObject),
  known_from_seq: stream.aspects.facts.past.forgottenSeq,
});

/** What a list shows of a session. */
export function sessionRow(live: LiveSession): Fields {
  const { id, title, status, agent, created_at, updated_at, archived_at, usage, metadata } =
    sessionObject(live);
  const { lifecycle, pending_event_ids, state_changed_at, error, event_count, event_times, turns } =
    ownFields(live);
  return {
    id,
    title,
    status,
    agent: { id: (agent as Fields)['id'], name: (agent as Fields)['name'] },
    created_at,
    updated_at,
    archived_at,
    usage,
    metadata,
    lifecycle,
    pending_event_ids,
    state_changed_at,
    error,
    event_count,
    event_times,
    turns,
  };
}
