// What a session's events say of it: its status, what it waits for, what it has used. The writer puts
// into an event's headers what is needed here: its type, and for some a note.
//
//   session.status_idle             {stop, ids}          ids: events that wait for an answer
//   user.tool_confirmation, user.tool_result,
//   user.custom_tool_result         {of}                 the event that is answered
//   agent.tool_result               {of}                 the call that is settled
//   span.model_request_end          {input, output, cache_read, cache_1h, cache_5m}
//   session.usage                   {usage}              what a runtime has counted itself
//   span.outcome_evaluation_end     {outcome}
//   session.thread_created          {thread, agent}
//   session.thread_status_*         {thread}
//   session.error                   {error}
//
// A note is somebody's text: what does not fit its shape has no effect, and the event stands.

import { limits } from '@tidemark/protocol';
import { type Fields, isCount, isFields, isText } from './shapes.ts';

export type Status = 'idle' | 'running' | 'rescheduling' | 'terminated';

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly ephemeral_1h_input_tokens: number;
  readonly ephemeral_5m_input_tokens: number;
  /** In whole cents, as the runtime reports it. */
  readonly list_cost: string | undefined;
}

export interface ThreadState {
  readonly id: string;
  readonly agentName: string;
  readonly status: Status;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly archivedAtMs: number | undefined;
}

export interface Activity {
  readonly status: Status;
  /** Why it is idle, in the words of the event that said so. */
  readonly stop: string | undefined;
  /** Ids of events that wait for an answer. */
  readonly pending: readonly string[];
  /** When something ran first. */
  readonly startedAtMs: number | undefined;
  readonly runningSinceMs: number | undefined;
  readonly activeMs: number;
  readonly turns: number;
  readonly modelRequests: number;
  readonly usage: Usage;
  readonly outcomes: readonly Fields[];
  readonly threads: readonly ThreadState[];
  readonly error: string | undefined;
  /** The event behind which a summary stands for what came before. */
  readonly compactedAtSeq: number | undefined;
  /** Of the last change of its status. */
  readonly changedAtMs: number | undefined;
}

export const quiet: Activity = {
  status: 'idle',
  stop: undefined,
  pending: [],
  startedAtMs: undefined,
  runningSinceMs: undefined,
  activeMs: 0,
  turns: 0,
  modelRequests: 0,
  usage: {
    input_tokens: 0,
    output_tokens: 0,
    cache_read_input_tokens: 0,
    ephemeral_1h_input_tokens: 0,
    ephemeral_5m_input_tokens: 0,
    list_cost: undefined,
  },
  outcomes: [],
  threads: [],
  error: undefined,
  compactedAtSeq: undefined,
  changedAtMs: undefined,
};

export const isQuiet = (activity: Activity): boolean => activity === quiet;

/** What the fold knows of an event that has a type. */
export interface TypedEvent {
  readonly id: string;
  readonly type: string;
  readonly note: Fields;
  readonly seq: number;
  readonly timeMs: number;
}

type Effect = (activity: Activity, event: TypedEvent) => Activity;

const threadStatuses: Readonly<Record<string, Status>> = {
  'session.thread_status_running': 'running',
  'session.thread_status_idle': 'idle',
  'session.thread_status_rescheduled': 'rescheduling',
  'session.thread_status_terminated': 'terminated',
};

const answered: Effect = (activity, { note }) =>
  activity.pending.includes(String(note['of']))
    ? { ...activity, pending: activity.pending.filter((id) => id !== note['of']) }
    : activity;

const effects: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['session.status_running', (activity, event) => ran(activity, event, 'running')],
  ['session.status_rescheduled', (activity, event) => ran(activity, event, 'rescheduling')],
  ['session.status_idle', (activity, event) => rested(activity, event)],
  [
    'session.status_terminated',
    (activity, event) => ({ ...rested(activity, event), status: 'terminated', stop: undefined }),
  ],
  ['user.tool_confirmation', answered],
  ['user.tool_result', answered],
  ['user.custom_tool_result', answered],
  ['span.model_request_end', requested],
  ['session.usage', counted],
  ['span.outcome_evaluation_end', evaluated],
  ['session.error', failed],
  ['session.thread_created', threadCreated],
  ...Object.keys(threadStatuses).map((type): [string, Effect] => [type, threadMoved]),
  ['agent.thread_context_compacted', (activity, { seq }) => ({ ...activity, compactedAtSeq: seq })],
  ['session.context_compacted', (activity, { seq }) => ({ ...activity, compactedAtSeq: seq })],
]);

/** Whether an event of this type changes anything here: most do not. */
export const isTelling = (type: string): boolean => effects.has(type);

/** Whether a session stands otherwise for it than before: what it has used is no part of that. */
export const isOtherState = (before: Activity, after: Activity): boolean =>
  before.changedAtMs !== after.changedAtMs ||
  before.pending !== after.pending ||
  before.error !== after.error;

export function evolveActivity(activity: Activity, event: TypedEvent): Activity {
  return effects.get(event.type)?.(activity, event) ?? activity;
}

function ran(activity: Activity, { timeMs }: TypedEvent, status: Status): Activity {
  const isNewTurn = activity.status !== 'running' && status === 'running';
  return {
    ...activity,
    status,
    stop: undefined,
    pending: [],
    error: undefined,
    startedAtMs: activity.startedAtMs ?? timeMs,
    runningSinceMs: activity.runningSinceMs ?? timeMs,
    turns: activity.turns + (isNewTurn ? 1 : 0),
    changedAtMs: timeMs,
  };
}

function rested(activity: Activity, { note, timeMs }: TypedEvent): Activity {
  const { runningSinceMs, activeMs } = activity;
  const ids = Array.isArray(note['ids']) ? note['ids'].filter(isText) : [];
  return {
    ...activity,
    status: 'idle',
    stop: isText(note['stop']) ? note['stop'] : undefined,
    pending: ids.slice(0, limits.pendingMax),
    activeMs: activeMs + (runningSinceMs === undefined ? 0 : Math.max(0, timeMs - runningSinceMs)),
    runningSinceMs: undefined,
    changedAtMs: timeMs,
  };
}

const countIn = (fields: Fields, name: string): number =>
  isCount(fields[name]) ? fields[name] : 0;

function requested(activity: Activity, { note }: TypedEvent): Activity {
  const { usage } = activity;
  return {
    ...activity,
    modelRequests: activity.modelRequests + 1,
    usage: {
      ...usage,
      input_tokens: usage.input_tokens + countIn(note, 'input'),
      output_tokens: usage.output_tokens + countIn(note, 'output'),
      cache_read_input_tokens: usage.cache_read_input_tokens + countIn(note, 'cache_read'),
      ephemeral_1h_input_tokens: usage.ephemeral_1h_input_tokens + countIn(note, 'cache_1h'),
      ephemeral_5m_input_tokens: usage.ephemeral_5m_input_tokens + countIn(note, 'cache_5m'),
    },
  };
}

/** A runtime's own count takes the place of what was summed up here. */
function counted(activity: Activity, { note }: TypedEvent): Activity {
  const told = isFields(note['usage']) ? note['usage'] : {};
  const known = Object.entries(activity.usage).map(([name, value]) => {
    const next = told[name];
    if (name === 'list_cost') return [name, isText(next) ? next : value];
    return [name, isCount(next) ? next : value];
  });
  return { ...activity, usage: Object.fromEntries(known) as Usage };
}

function evaluated(activity: Activity, { note }: TypedEvent): Activity {
  const outcome = note['outcome'];
  if (!isFields(outcome) || !isText(outcome['outcome_id'])) return activity;
  const others = activity.outcomes.filter((other) => other['outcome_id'] !== outcome['outcome_id']);
  return { ...activity, outcomes: [...others, outcome].slice(-limits.outcomesMax) };
}

function failed(activity: Activity, { note }: TypedEvent): Activity {
  return { ...activity, error: isText(note['error']) ? note['error'] : 'unknown_error' };
}

function threadCreated(activity: Activity, { note, timeMs }: TypedEvent): Activity {
  const { thread: id, agent } = note;
  const { threads } = activity;
  const isNew = isText(id) && threads.every((thread) => thread.id !== id);
  if (!isNew || threads.length >= limits.threadsMax) return activity;
  const thread: ThreadState = {
    id,
    agentName: isText(agent) ? agent : '',
    status: 'idle',
    createdAtMs: timeMs,
    updatedAtMs: timeMs,
    archivedAtMs: undefined,
  };
  return { ...activity, threads: [...threads, thread] };
}

function threadMoved(activity: Activity, { type, note, timeMs }: TypedEvent): Activity {
  const status = threadStatuses[type] ?? 'idle';
  const move = (thread: ThreadState): ThreadState =>
    thread.id === note['thread'] ? { ...thread, status, updatedAtMs: timeMs } : thread;
  return { ...activity, threads: activity.threads.map(move) };
}
