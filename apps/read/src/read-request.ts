import { parameterOf, parseNatural, queryOf } from '@tidemark/edge';
import { limits, Problem } from '@tidemark/protocol';

export type ReadStart =
  | { readonly kind: 'cursor'; readonly offset: string }
  | { readonly kind: 'now' }
  | { readonly kind: 'seq'; readonly seq: number };

export interface ReadRequest {
  readonly start: ReadStart;
  readonly live: 'none' | 'long-poll' | 'sse';
  readonly eventsMax: number;
  /** The client's last `Stream-Cursor`: live answers never go behind it. */
  readonly cursor: string | undefined;
}

const beginning: ReadStart = { kind: 'cursor', offset: '-1' };

export function parseRead(url: string): ReadRequest {
  const query = queryOf(url);
  const offset = parameterOf(query, 'offset');
  const seq = parameterOf(query, 'seq');
  const live = parameterOf(query, 'live');
  const limit = parameterOf(query, 'limit');
  if (live !== undefined && live !== 'long-poll' && live !== 'sse') {
    throw new Problem('invalid-request', 'live is long-poll or sse');
  }
  if (offset !== undefined && seq !== undefined) {
    throw new Problem('invalid-request', 'offset and seq exclude each other');
  }
  if (live !== undefined && offset === undefined && seq === undefined) {
    throw new Problem('invalid-request', 'a live read needs an offset');
  }
  return {
    start: startOf(offset, seq),
    live: live ?? 'none',
    eventsMax: limit === undefined ? Number.MAX_SAFE_INTEGER : parseLimit(limit),
    cursor: parameterOf(query, 'cursor'),
  };
}

function startOf(offset: string | undefined, seq: string | undefined): ReadStart {
  if (seq !== undefined) return { kind: 'seq', seq: parseNatural(seq, 'seq') };
  if (offset === undefined) return beginning;
  if (offset === '') throw new Problem('invalid-offset', 'an empty offset');
  return offset === 'now' ? { kind: 'now' } : { kind: 'cursor', offset };
}

function parseLimit(text: string): number {
  const limit = parseNatural(text, 'limit');
  if (limit >= 1 && limit <= limits.readEventsMax) return limit;
  throw new Problem('invalid-request', `limit is 1 to ${limits.readEventsMax}`);
}
