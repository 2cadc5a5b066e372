import { timestampText } from '@tidemark/protocol';
import type { RetentionPolicy } from '@tidemark/session';
import type { Fields } from './fields.ts';
import type { LiveSession } from './session-object.ts';

/** What a session keeps, and what of it is gone. */
export function keepingObject({ name, stream }: LiveSession): Fields {
  const { head, hold, policy, redacted } = stream.aspects.keeping;
  return {
    session_id: name,
    head_seq: head.seq,
    tail_seq: stream.tailSeq,
    retention: retentionObject(policy),
    hold:
      hold === undefined
        ? null
        : { reason: hold.reason, by: hold.by, since: timestampText(hold.timeMs) },
    redacted: redacted.map(([seq, timeMs]) => ({ seq, at: timestampText(timeMs) })),
  };
}

const seconds = (ms: number | undefined): number | null => (ms === undefined ? null : ms / 1_000);

/** Null: nothing is said. */
export const retentionObject = (policy: RetentionPolicy | undefined): Fields | null =>
  policy === undefined
    ? null
    : {
        age_seconds: seconds(policy.ageMs),
        bytes: policy.bytes ?? null,
        ended_seconds: seconds(policy.endedMs),
      };
