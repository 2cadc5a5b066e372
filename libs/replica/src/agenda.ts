import { dueAtMs, type SessionState } from '@tidemark/session';

/** Owed for as long as it is not paid. */
export const owedNow = 0;

/**
 * When somebody has to look at a session though nobody asks for it: at once where it owes something to
 * another, at its end where it has one; undefined where never.
 */
export function agendaOf({ owed, stream, life }: SessionState): number | undefined {
  if (owed.length > 0 || (stream !== undefined && stream.refs.size > 0)) return owedNow;
  if (stream === undefined || life !== 'live') return undefined;
  const dueMs = dueAtMs(stream);
  return Number.isFinite(dueMs) ? Math.ceil(dueMs) : undefined;
}
