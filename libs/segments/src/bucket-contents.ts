// What a bucket has of logs that may be gone: their sessions as they were published last, and the events of segments.

import { type ObjectStore, shardOf, topicOf } from '@tidemark/ports';
import { type LogName, ownerIn, publishedState, type TablePublications } from '@tidemark/replica';
import type { SessionState } from '@tidemark/session';
import { FrameEvents, framesOf } from './frame-events.ts';
import type { SegmentArchive } from './segment-archive.ts';
import { decodeFooter } from './segment-format.ts';
import type { TakenEvents } from './segment-line.ts';
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
    const directory = decodeFooter(body);
    const frames = new FrameEvents();
    for (const session of directory.sessions) {
      const { key, tag, firstSeq, count } = session;
      const { tenant, name } = ownerIn(topicOf(log.shard), key);
      const taken = framesOf(directory, session, { skipped: 0, count });
      const bytes = body.subarray(taken.firstByte, taken.endByte);
      const stored = { segment: segment.name, bytes, ...taken };
      const bodies: Uint8Array[] = [];
      let isJson = false;
      frames.take({ ...stored, seq: firstSeq, count, head: lineHead(tenant, name) }, (events) => {
        isJson = events.isJson;
        for (const each of bodiesOf(events)) bodies.push(each);
      });
      yield { tenant, name, tag, firstSeq, bodies, isJson, isNoted: noted.has(key) };
    }
  }
}

/** As they were appended, in memory of their own. */
function bodiesOf({ bytes: served, ends, isJson }: TakenEvents): readonly Uint8Array[] {
  const bytes = Uint8Array.from(served);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, isJson ? end - 1 : end));
}
