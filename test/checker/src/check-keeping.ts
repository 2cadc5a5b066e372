// Sessions of which something is taken: what was taken is told by nobody, and nothing else is missing.
//
// (1) A read that began behind an acknowledged trim begins no earlier than it; no read begins later than somebody asked.
// (2) A read that began behind an acknowledged redaction tells nothing of that event; only what somebody asked to be
//     redacted is.
// (3) Every other event that was acknowledged before a read began is told, as it was appended.

import { earliestOf, isOk, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

interface Kept {
  readonly session: string;
  readonly appends: Operation[];
  readonly trims: Operation[];
  readonly redactions: Operation[];
  readonly reads: Operation[];
}

export function checkKeeping(operations: Operations, findings: Findings): void {
  const sessions = new Map<string, Kept>();
  for (const operation of operations.all) {
    const { type, session } = operation.call;
    if (!type.startsWith('keep-')) continue;
    const none = { session, appends: [], trims: [], redactions: [], reads: [] };
    const kept: Kept = sessions.get(session) ?? none;
    sessions.set(session, kept);
    if (type === 'keep-append') kept.appends.push(operation);
    else if (type === 'keep-trim') kept.trims.push(operation);
    else if (type === 'keep-redact') kept.redactions.push(operation);
    else if (isOk(operation)) kept.reads.push(operation);
  }
  for (const kept of sessions.values()) {
    for (const read of kept.reads) checkRead(kept, read, { operations, findings });
  }
}

const seqOf = ({ call }: Operation): number => call.kept?.seq ?? 0;

function checkRead(
  { session, appends, trims, redactions }: Kept,
  read: Operation,
  { operations, findings }: { readonly operations: Operations; readonly findings: Findings },
): void {
  const { head = 0, words = [] } = read.answer?.kept ?? {};
  const earliest = earliestOf(operations, read);
  const tell = (kind: 'kept-too-long' | 'kept-no-more', message: string, other?: Operation): void =>
    findings.add(kind, session, {
      message,
      ops: [...(other === undefined ? [] : [other.call.op]), read.call.op],
    });
  const isBefore = (operation: Operation): boolean => isOk(operation) && operation.ended < earliest;
  for (const trim of trims) {
    if (isBefore(trim) && seqOf(trim) > head) {
      tell('kept-too-long', `it is read from ${head} on behind a trim to ${seqOf(trim)}`, trim);
    }
  }
  const asked = trims.filter(({ began }) => began < read.ended).map(seqOf);
  if (head > Math.max(0, ...asked))
    tell('kept-no-more', `it begins at ${head}, which nobody asked`);
  for (const redaction of redactions) {
    const word = words[seqOf(redaction) - head];
    if (isBefore(redaction) && word !== undefined && word !== '') {
      tell('kept-too-long', `${seqOf(redaction)} is told behind its redaction`, redaction);
    }
  }
  const redacted = new Set(redactions.filter(({ began }) => began < read.ended).map(seqOf));
  for (const append of appends) {
    const seq = append.answer?.kept?.seq ?? -1;
    if (!isBefore(append) || seq < head) continue;
    const word = words[seq - head];
    if (word === append.call.kept?.word || (word === '' && redacted.has(seq))) continue;
    tell('kept-no-more', `${seq} is told as ${word ?? 'missing'}`, append);
  }
}
