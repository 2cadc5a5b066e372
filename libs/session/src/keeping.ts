// What of a session is kept: where it begins, what in it was taken away, what may not be, and what its owner has asked
// for.
//
// (1) The head never goes back, and never passes the tail; what lies below it is gone for every reader.
// (2) Nothing goes while the session is held, or while forks read from it.
// (3) A redacted event keeps its seq; what it said is gone for every reader.

import { limits, timestampText } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { isCount, isFields, isText } from './shapes.ts';

/** What is asked to be let go; nothing is unless it is asked. */
export interface RetentionPolicy {
  /** Events go that are older. */
  readonly ageMs?: number;
  /** Of the newest so many bytes stay. */
  readonly bytes?: number;
  /** The session goes so long after its end. */
  readonly endedMs?: number;
}

/** Where what is kept begins. */
export interface Head {
  readonly seq: number;
  readonly position: number;
}

export interface Hold {
  readonly by: string;
  readonly reason: string;
  readonly timeMs: number;
}

export interface Keeping {
  readonly head: Head;
  readonly hold: Hold | undefined;
  readonly policy: RetentionPolicy | undefined;
  /** By their seqs, in order: when. */
  readonly redacted: readonly (readonly [seq: number, timeMs: number])[];
  /** Rises with whatever changes what a reader is given. */
  readonly version: number;
}

export const keepsAll: Keeping = {
  head: { seq: 0, position: 0 },
  hold: undefined,
  policy: undefined,
  redacted: [],
  version: 0,
};

export function policyOf(value: unknown): RetentionPolicy | undefined {
  if (!isFields(value)) return undefined;
  const names = ['ageMs', 'bytes', 'endedMs'];
  const isFit = Object.entries(value).every(
    ([name, each]) => names.includes(name) && isCount(each),
  );
  return isFit ? (value as RetentionPolicy) : undefined;
}

export const isPolicyOrNone = (value: unknown): boolean =>
  value === null || policyOf(value) !== undefined;

/** Of a stream. */
interface Kept {
  readonly aspects: { readonly keeping: Keeping };
  readonly refs: { readonly size: number };
  readonly tailSeq: number;
  readonly tailPosition: number;
  readonly isJson: boolean;
}

/** What stands in the way of taking anything from it. */
export function obstacleOf({ aspects, refs }: Kept): 'held' | 'forked' | undefined {
  if (aspects.keeping.hold !== undefined) return 'held';
  return refs.size > 0 ? 'forked' : undefined;
}

/** Undefined where it cannot be said of the stream. */
export function trimmed(stream: Kept, { seq, position }: Head): Keeping | undefined {
  const { keeping } = stream.aspects;
  const isFit =
    obstacleOf(stream) === undefined &&
    seq > keeping.head.seq &&
    seq <= stream.tailSeq &&
    position > keeping.head.position &&
    position <= stream.tailPosition &&
    (!stream.isJson || position === seq);
  if (!isFit) return undefined;
  const redacted = keeping.redacted.filter(([each]) => each >= seq);
  return { ...keeping, head: { seq, position }, redacted, version: keeping.version + 1 };
}

export function redacted(stream: Kept, seq: number, timeMs: number): Keeping | undefined {
  const { keeping } = stream.aspects;
  const isFit =
    stream.isJson &&
    keeping.hold === undefined &&
    seq >= keeping.head.seq &&
    seq < stream.tailSeq &&
    keeping.redacted.length < limits.redactionsMax &&
    !isRedacted(keeping, seq);
  if (!isFit) return undefined;
  const all = [...keeping.redacted, [seq, timeMs] as const].sort(([one], [other]) => one - other);
  return { ...keeping, redacted: all, version: keeping.version + 1 };
}

export const isRedacted = ({ redacted: known }: Keeping, seq: number): boolean =>
  known.some(([each]) => each === seq);

export function held(keeping: Keeping, hold: Hold): Keeping | undefined {
  const isFit = keeping.hold === undefined && hold.reason.length <= limits.titleCharsMax;
  return isFit ? { ...keeping, hold } : undefined;
}

export const released = (keeping: Keeping): Keeping | undefined =>
  keeping.hold === undefined ? undefined : { ...keeping, hold: undefined };

export const retained = (keeping: Keeping, policy: RetentionPolicy | null): Keeping => ({
  ...keeping,
  policy: policy ?? undefined,
});

export const headShape = { seq: isCount, position: isCount };
export const holdShape = { reason: isText };

export const isHead = (value: unknown): value is Head =>
  isFields(value) && isCount(value['seq']) && isCount(value['position']);

/** What stands where an event was, whatever it said. */
export function redactedBody(keeping: Keeping, seq: number): Uint8Array | undefined {
  const timeMs = keeping.redacted.find(([each]) => each === seq)?.[1];
  if (timeMs === undefined) return undefined;
  return bytesOf(`{"type":"system.redacted","redacted_at":"${timestampText(timeMs)}"}`);
}
