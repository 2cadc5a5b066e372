import { headerOf } from '@tidemark/edge';
import { limits, Problem, parseTimestamp } from '@tidemark/protocol';

type Headers = Parameters<typeof headerOf>[0];

export interface Lifetime {
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

function parseTtlMs(text: string): number {
  const seconds = Number(text);
  if (/^(0|[1-9]\d*)$/.test(text) && seconds <= limits.ttlSecondsMax) return seconds * 1_000;
  throw new Problem('invalid-request', 'Stream-TTL is a number of seconds in plain decimal');
}

function parseExpiresAtMs(text: string): number {
  const atMs = parseTimestamp(text);
  if (atMs !== undefined) return atMs;
  throw new Problem('invalid-request', 'Stream-Expires-At is an RFC 3339 timestamp');
}

export function lifetimeOf(headers: Headers): Lifetime {
  const ttl = headerOf(headers, 'stream-ttl');
  const expiresAt = headerOf(headers, 'stream-expires-at');
  if (ttl !== undefined && expiresAt !== undefined) {
    throw new Problem('invalid-request', 'Stream-TTL and Stream-Expires-At exclude each other');
  }
  return {
    ttlMs: ttl === undefined ? undefined : parseTtlMs(ttl),
    expiresAtMs: expiresAt === undefined ? undefined : parseExpiresAtMs(expiresAt),
  };
}
