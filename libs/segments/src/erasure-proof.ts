// Whether what a session keeps no more is gone from the bucket, and what was rewritten for it.

import type { ShardReplica } from '@tidemark/replica';
import { type ErasureReport, erasuresOf } from './erasure-reports.ts';
import { hasLeft } from './merged-segments.ts';
import type { SegmentArchive } from './segment-archive.ts';

export interface ErasureProof {
  /** `waits`: it was not met, or not carried out yet. `erased`: no segment has any of it. */
  readonly status: 'waits' | 'erased';
  /** Segments that have some of it. */
  readonly left: readonly string[];
  readonly rewritten: readonly (ErasureReport & {
    /** The object that was replaced is gone. */
    readonly isDeleted: boolean;
  })[];
}

/** All segments of the session's shard are looked at, by their directories. */
export async function erasureProof(
  archive: SegmentArchive,
  { replica, key }: { readonly replica: ShardReplica; readonly key: string },
  signal: AbortSignal,
): Promise<ErasureProof> {
  await replica.readIndex();
  const { logName } = replica;
  const manifest = await archive.manifest(logName, signal);
  const left: string[] = [];
  for (const segment of manifest?.segments ?? []) {
    const { sessions } = await archive.directory(segment, signal);
    const session = sessions.find((each) => each.key === key);
    if (session === undefined) continue;
    const isOver = await replica.with(key, ({ state }) => hasLeft(state, session));
    if (isOver) left.push(segment.name);
  }
  const reports = await erasuresOf(archive.store, { log: logName, key }, signal);
  const rewritten = await Promise.all(
    reports.map(async (report) => {
      const object = await archive.store.head(report.was, signal);
      return { ...report, isDeleted: object === undefined };
    }),
  );
  const isNoted = manifest?.erasing.includes(key) === true;
  const isOpen = isNoted || left.length > 0 || rewritten.some(({ isDeleted }) => !isDeleted);
  return { status: isOpen ? 'waits' : 'erased', left, rewritten };
}
