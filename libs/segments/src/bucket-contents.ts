// What a bucket has of logs that may be gone: their sessions as they were published last, and the events of segments.

import { type ObjectStore, shardOf, topicOf } from '@tidemark/ports';
import { type LogName, ownerIn, publishedState, type TablePublications } from '@tidemark/replica';
import type { SessionState } from '@tidemark/session';
import type { SegmentArchive } from './segment-archive.ts';
import { decodeFooter, linesOf } from './segment-format.ts';
import { bodyIn } from './segment-line.ts';
import { lineHead } from './wanted-lines.ts';

const manifestPattern = /^shards\/([^/]+)\/(\d+)\/([^/]+)\/(?:sessions|segments)\.json$/;

/** Each once, in the order of topics and partitions. */
export async function logsIn(store: ObjectStore, signal: AbortSignal): Promise<readonly LogName[]> {
  const logs = new Map<string, LogName>();
  for await (const { key } of store.list('shards/', signal)) {
    const [, topic, partition, logEpoch] = manifestPattern.exec(key) ?? [];
    if (topic === undefined || logEpoch === undefined) continue;
    const log = { shard: shardOf(topic, Number(partition)), logEpoch };
    logs.set(`${log.shard} ${logEpoch}`, log);
  }
  return [...logs.values()];
}

/** As they were published last; none where nothing was. */
export async function* sessionsOf(
  publications: TablePublications,
  log: LogName,
  signal: AbortSignal,
): AsyncGenerator<SessionState> {
  const published = await publications.newest(log, signal);
  if (published === undefined) return;
  for await (const [key, bytes] of published.scan({ prefix: '' }, signal)) {
    const state = publishedState(ownerIn(topicOf(log.shard), key), bytes);
    if (state !== undefined) yield state;
  }
}

/** Consecutive events of one session. */
export interface ArchivedRun {
  readonly tenant: string;
  readonly name: string;
  readonly tag: string;
  readonly firstSeq: number;
  readonly bodies: readonly Uint8Array[];
  readonly isJson: boolean;
  /** It may have ended, or lost some of them, since they were archived. */
  readonly isNoted: boolean;
}

/** Those of each session in order; one segment is held at once. */
export async function* runsOf(
  archive: SegmentArchive,
  log: LogName,
  signal: AbortSignal,
): AsyncGenerator<ArchivedRun> {
  const manifest = await archive.manifest(log, signal);
  const noted = new Set(manifest?.erasing);
  for (const segment of manifest?.segments ?? []) {
    const body = await archive.bytes(segment, { firstByte: 0, endByte: segment.bytes }, signal);
    const { frames, sessions } = decodeFooter(body);
    const lines = frames.flatMap(({ firstByte, endByte, lines: count }) =>
      linesOf(body.subarray(firstByte, endByte), count),
    );
    let at = 0;
    for (const { key, tag, firstSeq, count } of sessions) {
      const { tenant, name } = ownerIn(topicOf(log.shard), key);
      const own = lines.slice(at, at + count);
      at += count;
      const head = lineHead(tenant, name);
      const bodies = own.map((line, index) => bodyIn(line, head, firstSeq + index));
      const isJson = own[0] !== undefined && !isOfBytes(own[0]);
      yield { tenant, name, tag, firstSeq, bodies, isJson, isNoted: noted.has(key) };
    }
  }
}

const isOfBytes = (line: Uint8Array): boolean =>
  Buffer.from(line.buffer, line.byteOffset, line.length).includes(',"event":null,"bytes":"');
