import type { StoredRecord } from '@tidemark/ports';
import { decodeRecord } from '@tidemark/session';
import { textOf } from '@tidemark/std';
import type { FoldedSession } from './folded-session.ts';
import type { ShardFold } from './shard-fold.ts';

/** What lies at an offset: a record of ours with its session's key, or none. */
interface Read {
  readonly offset: number;
  readonly key: string;
  readonly decoded: ReturnType<typeof decodeRecord>;
}

export interface Chunk {
  readonly reads: readonly Read[];
  /** Of sessions that have to be looked up. */
  readonly keys: readonly string[];
  /** Those that were here, each held. */
  readonly held: FoldedSession[];
}

/** Takes a chunk of the log apart, as far as it is not folded yet. */
export function decodeChunk(
  { position, table }: ShardFold,
  records: readonly StoredRecord[],
): Chunk {
  const reads: Read[] = [];
  const keys = new Set<string>();
  const held: FoldedSession[] = [];
  for (const stored of records) {
    if (stored.offset < position) continue;
    const decoded = decodeRecord(stored);
    const key = decoded.kind === 'record' ? textOf(stored.key) : '';
    reads.push({ offset: Number(stored.offset), key, decoded });
    if (decoded.kind !== 'record' || keys.has(key)) continue;
    const session = table.holdResident(key);
    if (session === undefined) keys.add(key);
    else held.push(session);
  }
  return { reads, keys: [...keys], held };
}
