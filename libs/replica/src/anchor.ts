import type { StoredRecord } from '@tidemark/ports';
import { decodeRecord } from '@tidemark/session';
import { logAdvice, ShardStopped } from './shard-stop.ts';

/** The last record folded, by its place and its id: what tells one log from another. */
export interface Anchor {
  readonly offset: bigint;
  readonly id: string;
}

/** Throws where the first record that a reading found at its anchor is not the anchor. */
export function compareAnchor(anchor: Anchor | undefined, first: StoredRecord | undefined): void {
  if (first === undefined || anchor === undefined) return;
  const decoded = decodeRecord(first);
  const id = decoded.kind === 'record' ? decoded.record.id : '';
  if (first.offset === anchor.offset && id === anchor.id) return;
  throw new ShardStopped(
    'log-replaced',
    `another record lies at the anchor. offset=${anchor.offset} found=${first.offset}`,
    logAdvice,
  );
}
