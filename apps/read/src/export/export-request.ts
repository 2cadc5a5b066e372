// What an export asks for.
//
//   place  := offset{'.' offset} '_' tag        one offset for each partition of the tenant, in their order
//   tag    := that of the tenant's log epoch: a place is of no other log
//
// All below a partition's offset was exported.

import { parameterOf, parseNatural } from '@tidemark/edge';
import { cursorTag, Problem, parseSessionName } from '@tidemark/protocol';
import { placeOf, type Tenant } from '@tidemark/replica';
import type { WantedLines } from '@tidemark/segments';
import { isDue, type SessionState } from '@tidemark/session';
import { metadataIn, parseTimeRange, valuesOf } from '@tidemark/sessions-api';

export interface ExportRequest {
  /** Where each partition begins. */
  readonly after: readonly number[] | 'now';
  /** Where each ends at the latest; without, where it ends now. */
  readonly before: readonly number[] | undefined;
  readonly eventsMax: number;
  readonly tellsCheckpoints: boolean;
  readonly wanted: WantedLines;
  /** The partition of the one session that is wanted. */
  readonly isOfShard: (shard: string) => boolean;
  readonly takesKey: (key: string) => boolean;
  readonly takesSession: (state: SessionState, nowMs: number) => boolean;
}

const tagOf = ({ id, logEpoch }: Tenant): string => cursorTag(id, '$export', logEpoch);

export const placeText = (tenant: Tenant, offsets: readonly number[]): string =>
  `${offsets.join('.')}_${tagOf(tenant)}`;

function offsetsIn(tenant: Tenant, text: string): readonly number[] {
  const [, offsets = '', tag] = /^(\d{1,15}(?:\.\d{1,15})*)_([0-9a-f]{8})$/.exec(text) ?? [];
  const found = offsets.split('.').map(Number);
  if (tag === tagOf(tenant) && found.length === tenant.partitions) return found;
  throw new Problem('invalid-offset', 'no place in what this tenant exports');
}

export function parseExport(tenant: Tenant, query: URLSearchParams): ExportRequest {
  const natural = (name: string): number | undefined => {
    const text = parameterOf(query, name);
    return text === undefined ? undefined : parseNatural(text, name);
  };
  const after = parameterOf(query, 'after') ?? '';
  const before = parameterOf(query, 'before') ?? '';
  const { fromMs, toMs } = parseTimeRange(query, 'time');
  return {
    after: after === 'now' ? 'now' : startOf(tenant, after),
    before: before === '' ? undefined : offsetsIn(tenant, before),
    eventsMax: natural('limit') ?? Number.MAX_SAFE_INTEGER,
    tellsCheckpoints: parameterOf(query, 'checkpoints') === 'true',
    wanted: {
      firstSeq: natural('from_seq') ?? 0,
      endSeq: natural('to_seq') ?? Number.MAX_SAFE_INTEGER,
      fromMs,
      toMs,
      types: new Set([...valuesOf(query, 'types'), ...valuesOf(query, 'type')]),
    },
    ...sessionsIn(tenant, query),
  };
}

function startOf(tenant: Tenant, after: string): readonly number[] {
  if (after !== '' && after !== '-1') return offsetsIn(tenant, after);
  return Array.from({ length: tenant.partitions }, () => 0);
}

/** What begins with `$` is told by paths of its own. */
function sessionsIn(
  tenant: Tenant,
  query: URLSearchParams,
): Pick<ExportRequest, 'isOfShard' | 'takesKey' | 'takesSession'> {
  const named = parameterOf(query, 'session');
  const place = named === undefined ? undefined : placeOf(tenant, parseSessionName(named));
  const prefix = tenant.isPooled ? `${tenant.id}/` : '';
  const metadata = metadataIn(query);
  return {
    isOfShard: (shard) => place === undefined || place.shard === shard,
    takesKey: (key) =>
      place === undefined
        ? key.startsWith(prefix) && !key.startsWith('$', prefix.length)
        : key === place.key,
    takesSession: (state, nowMs) => {
      if (state.life !== 'live' || state.stream === undefined || isDue(state, nowMs)) return false;
      const { metadata: known } = state.stream.aspects.profile;
      return metadata.every(([key, value]) => known[key] === value);
    },
  };
}
