// Whether what a session keeps no more is gone from the bucket, and what was rewritten for it.

import type { ObjectStore } from '@tidemark/ports';
import type { LogName, ShardReplica } from '@tidemark/replica';
import { type ErasureReport, erasuresOf, unseen } from './erasure-reports.ts';
import {
  decodeExport,
  exportManifestKey,
  exportPrefix,
  noExport,
  rangeOfExport,
} from './export-manifest.ts';
import { isLeft } from './merged-segments.ts';
import type { SegmentArchive } from './segment-archive.ts';
import { overlap, rangeOfSegment } from './segment-manifest.ts';

export interface ErasureProof {
  /** `waits`: it was not met, or not carried out yet. `erased`: no segment and no export has any of it. */
  readonly status: 'waits' | 'erased';
  /** Segments that have some of it, and files of exports that may. */
  readonly left: readonly string[];
  readonly rewritten: readonly (ErasureReport & {
    /** The object that was replaced is gone. */
    readonly isDeleted: boolean;
  })[];
}

export interface ErasureAsked {
  readonly replica: ShardReplica;
  readonly tenant: string;
  readonly key: string;
}

/** All segments of the session's shard are looked at, by their directories. */
export async function erasureProof(
  archive: SegmentArchive,
  { replica, tenant, key }: ErasureAsked,
  signal: AbortSignal,
): Promise<ErasureProof> {
  await replica.readIndex();
  const { logName } = replica;
  const foldedTo = Number(replica.fold.position);
  const manifest = await archive.manifest(logName, signal);
  const left: string[] = [];
  for (const segment of manifest?.segments ?? []) {
    const { sessions } = await archive.directory(segment, signal);
    const session = sessions.find((each) => each.key === key);
    if (session === undefined) continue;
    if (await isLeft(replica, session, foldedTo)) left.push(segment.name);
  }
  const reports = await erasuresOf(archive.store, { log: logName, key }, signal);
  const rewritten = await Promise.all(
    reports.map(async (report) => {
      const object = await archive.store.head(report.was, signal);
      return { ...report, isDeleted: object === undefined };
    }),
  );
  left.push(...(await exportsLeft(archive.store, { log: logName, tenant, reports }, signal)));
  const isNoted = manifest?.erasing.includes(key) === true;
  const isOpen = isNoted || left.length > 0 || rewritten.some(({ isDeleted }) => !isDeleted);
  return { status: isOpen ? 'waits' : 'erased', left, rewritten };
}

interface Reported {
  readonly log: LogName;
  readonly tenant: string;
  readonly reports: readonly ErasureReport[];
}

/** Files of a range that was erased in: those that were not looked at for it yet, or are not deleted yet. */
async function exportsLeft(
  store: ObjectStore,
  { log, tenant, reports }: Reported,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (reports.length === 0) return [];
  const object = await store.get(exportManifestKey(log, tenant), signal);
  const { files, erasures } = object === undefined ? noExport : decodeExport(object.body);
  const named = new Set(files.map(({ name }) => name));
  const open = new Set(
    unseen(
      reports.map(({ name }) => name),
      erasures,
    ),
  );
  const erased = reports.map(({ name, was }) => {
    return { isOpen: open.has(name), ...rangeOfSegment(log, was) };
  });
  const prefix = exportPrefix(log, tenant);
  const left: string[] = [];
  for await (const { key } of store.list(prefix, signal)) {
    const file = rangeOfExport(prefix, key);
    const mayHave = erased.some((range) => {
      return (range.isOpen || !named.has(key)) && overlap(file, range);
    });
    if (mayHave) left.push(key);
  }
  return left;
}
