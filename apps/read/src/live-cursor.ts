// Cursors against cache loops: the number of the current interval, and never behind the client's.

/** 2024-10-09T00:00:00Z, from which the protocol counts. */
const epochMs = 1_728_432_000_000;
const intervalMs = 20_000;
const jitterMsMax = 3_600_000;

/** `random` is drawn, uniform in [0, 1), only where the client is ahead. */
export function liveCursor(nowMs: number, random: () => number, seen: string | undefined): string {
  const current = Math.floor((nowMs - epochMs) / intervalMs);
  const last = seen !== undefined && /^\d{1,15}$/.test(seen) ? Number(seen) : -1;
  if (last < current) return String(current);
  const jitterMs = 1_000 + random() * (jitterMsMax - 1_000);
  return String(last + Math.max(1, Math.ceil(jitterMs / intervalMs)));
}
