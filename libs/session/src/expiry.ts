import type { SessionState, StreamState } from './state.ts';

/** A read is recorded only once this share of the time to live has passed since the last record. */
const renewalShare = 8;

/**
 * When the session is due, never while it is held: its fixed time, or one TTL after its last recorded touch, and as much
 * longer as an unrecorded read may have renewed it.
 */
export function dueAtMs(stream: StreamState): number {
  if (stream.aspects.keeping.hold !== undefined) return Number.POSITIVE_INFINITY;
  if (stream.expiresAtMs !== undefined) return stream.expiresAtMs;
  if (stream.ttlMs === undefined) return Number.POSITIVE_INFINITY;
  return stream.touchedAtMs + stream.ttlMs + stream.ttlMs / renewalShare;
}

export const isDue = (state: SessionState, nowMs: number): boolean =>
  state.life === 'live' && state.stream !== undefined && nowMs >= dueAtMs(state.stream);

/** Whether a read at this time has to be recorded for the session to live on by it. */
export const needsTouch = (stream: StreamState, nowMs: number): boolean =>
  stream.ttlMs !== undefined && nowMs - stream.touchedAtMs > stream.ttlMs / renewalShare;
