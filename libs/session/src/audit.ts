// Who did what to a session: the last acts, in order. Events tell what happened in it.
//
//   requestId := id of the request (' ' its Idempotency-Key)?
//
// The same act of the same key or token under an Idempotency-Key that is remembered here was done already: it is not done again.

import { limits } from '@tidemark/protocol';

export interface AuditEntry {
  readonly act: string;
  /** Whose key or token it was. */
  readonly by: string;
  readonly requestId: string;
  readonly timeMs: number;
}

export interface Audit {
  readonly entries: readonly AuditEntry[];
  /** How many there were before these. */
  readonly dropped: number;
}

/** Who does what, and with which request. */
type Acting = Pick<AuditEntry, 'act' | 'by' | 'requestId'>;

export const requestIdUnder = (requestId: string, key: string | undefined): string =>
  key === undefined ? requestId : `${requestId} ${key}`;

/** Without the key. */
export const requestIdIn = ({ requestId }: AuditEntry): string => requestId.split(' ', 1)[0] ?? '';

const keyIn = ({ requestId }: Acting): string => requestId.slice(requestId.indexOf(' ') + 1);

/** What was done behind an act that this one repeats; undefined where it repeats none. */
export function doneBehind({ entries }: Audit, acting: Acting): readonly AuditEntry[] | undefined {
  if (!acting.requestId.includes(' ')) return undefined;
  const at = entries.findLastIndex(
    (entry) =>
      entry.act === acting.act &&
      entry.by === acting.by &&
      entry.requestId.includes(' ') &&
      keyIn(entry) === keyIn(acting),
  );
  return at === -1 ? undefined : entries.slice(at + 1);
}

export const noAudit: Audit = { entries: [], dropped: 0 };

export function audited({ entries, dropped }: Audit, entry: AuditEntry): Audit {
  const isFull = entries.length >= limits.auditMax;
  return {
    entries: [...(isFull ? entries.slice(1) : entries), entry],
    dropped: dropped + (isFull ? 1 : 0),
  };
}
