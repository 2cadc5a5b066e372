import type { SeededPrng } from '@tidemark/ports/testing';
import type { RecordKind, SessionRecord, SessionState } from '@tidemark/session';
import { emptyBytes } from '@tidemark/std';

type Nonsense = Pick<SessionRecord, 'kind' | 'value'> & Partial<SessionRecord>;

/** Kinds that no state can take with the values below, or that change nothing of it. */
const always: readonly string[] = [
  'create',
  'unref',
  'burn',
  'settle',
  'fact',
  'genesis',
  'level',
  'none',
];

/** What the state does not allow, whatever the value is. */
function forbidden({ life, stream }: SessionState): readonly RecordKind[] {
  if (life !== 'live') return ['close', 'delete', 'expire', 'touch', 'event', 'ref'];
  return stream?.isClosed === true ? ['close', 'event', 'create'] : ['create'];
}

/** A record that is void in its place, or valid and without effect. */
export function nonsenseOf(prng: SeededPrng, state: SessionState): Nonsense {
  const kinds = prng.chance(0.5) ? forbidden(state) : always;
  const kind = kinds[prng.below(kinds.length)] as RecordKind;
  if (state.stream !== undefined && prng.chance(0.2)) {
    return { kind: 'event', value: emptyBytes, seq: state.stream.tailSeq + 1 };
  }
  return { kind, value: emptyBytes, seq: 0, count: 1 };
}

/** None is a configuration, and none names what is there. */
export const nonsenseValues: readonly string[] = [
  '',
  'null',
  '[]',
  '{}',
  '{"forkIncarnation":7}',
  '{"forkIncarnation":"nobody"}',
  '{"source":"nobody","forkIncarnation":"nobody"}',
  '{"incarnation":1}',
  '{"incarnation":"i","contentType":5}',
  '{"incarnation":"i","contentType":"text/plain","ttlMs":-1}',
  '{"incarnation":"i","contentType":"text/plain","expiresAtMs":"soon"}',
  '{"incarnation":"i","contentType":"text/plain","origin":{}}',
  '{"incarnation":"i","contentType":"text/plain","origin":{"source":"s"}}',
  '{"incarnation":"i","contentType":"text/plain","lineage":{}}',
  '{"incarnation":"i","contentType":"text/plain","lineage":[{"tag":1}]}',
];
