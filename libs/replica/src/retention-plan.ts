// What a policy lets go of a session, as it is at some time: events from its beginning on, or all of it.
//
// (1) What is younger than a policy's age stays, and so do its newest bytes: events go by runs, so that a few more stay
//     than would have to, 256 KiB at most.
// (2) Nothing goes of what is held, or of what forks read from.

import { type Head, obstacleOf, type RetentionPolicy, type SessionState } from '@tidemark/session';
import type { EventIndex } from './event-index.ts';

export type RetentionPlan =
  | { readonly kind: 'keep' }
  | { readonly kind: 'held' | 'forked' }
  | {
      readonly kind: 'trim';
      readonly head: Head;
      readonly events: number;
      readonly bytes: number;
    }
  | { readonly kind: 'delete'; readonly events: number; readonly bytes: number };

interface Planned {
  readonly state: SessionState;
  readonly events: EventIndex | undefined;
  readonly policy: RetentionPolicy;
  readonly nowMs: number;
}

const keep: RetentionPlan = { kind: 'keep' };

/** Whether a session is worth a closer look. */
export function mayLetGo({ life, stream }: SessionState, policy: RetentionPolicy): boolean {
  if (life !== 'live' || stream === undefined) return false;
  const { ageMs, bytes, endedMs } = policy;
  const hasMore = stream.tailSeq > stream.aspects.keeping.head.seq;
  const isOver = bytes !== undefined && stream.bytes > bytes;
  return (
    (hasMore && (ageMs !== undefined || isOver)) || (endedMs !== undefined && hasEnded(stream))
  );
}

type Ended = Pick<NonNullable<SessionState['stream']>, 'isClosed' | 'aspects'>;

const hasEnded = ({ isClosed, aspects }: Ended): boolean =>
  isClosed || aspects.lifecycle.archivedAtMs !== undefined;

export function planRetention({ state, events, policy, nowMs }: Planned): RetentionPlan {
  const { stream } = state;
  if (events === undefined || stream === undefined || !mayLetGo(state, policy)) return keep;
  const planned = planOf({ state, events, policy, nowMs }, stream.aspects.keeping.head);
  if (planned.kind === 'keep') return keep;
  const obstacle = obstacleOf(stream);
  return obstacle === undefined ? planned : { kind: obstacle };
}

function planOf(planned: Planned & { readonly events: EventIndex }, from: Head): RetentionPlan {
  const { state, events, policy, nowMs } = planned;
  const { stream } = state;
  const { ageMs, bytes, endedMs } = policy;
  if (stream === undefined) return keep;
  const isDeleted =
    endedMs !== undefined && hasEnded(stream) && state.lastTimeMs <= nowMs - endedMs;
  if (isDeleted) {
    return { kind: 'delete', events: stream.tailSeq - from.seq, bytes: stream.bytes };
  }
  const heads = [
    ageMs === undefined ? undefined : headAtTime(planned, nowMs - ageMs),
    bytes === undefined ? undefined : events.headOfNewest(bytes),
  ];
  const [head = from] = heads
    .filter((each) => each !== undefined)
    .sort((one, other) => other.seq - one.seq);
  if (head.seq <= from.seq) return keep;
  const gone = events.bytesBetween(from.seq, head.seq);
  return { kind: 'trim', head, events: head.seq - from.seq, bytes: gone };
}

/** What was appended before a time lies below it. */
function headAtTime(
  { state, events }: Planned & { readonly events: EventIndex },
  timeMs: number,
): Head | undefined {
  if (state.lastTimeMs < timeMs) return { seq: events.endSeq, position: events.endPosition };
  const run = events.runAtTime(timeMs);
  return run && { seq: run.start.seq, position: run.start.position };
}
