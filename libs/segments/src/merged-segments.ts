// Neighbouring segments as one, or one anew, without the lines of sessions that are over.

import { Problem } from '@tidemark/protocol';
import type { ShardReplica } from '@tidemark/replica';
import type { SessionState } from '@tidemark/session';
import { compareText, Pace, steps } from '@tidemark/std';
import { keptLine } from './kept-line.ts';
import { MergeSource } from './merge-source.ts';
import { PastFold } from './past-fold.ts';
import type { SegmentSession } from './segment-format.ts';
import type { SegmentRef } from './segment-manifest.ts';
import { SegmentWriter, type SessionLines, type WrittenSegment } from './segment-writer.ts';
import { lineHead, placeIn } from './wanted-lines.ts';

/** So many neighbours of about one size become one. */
const fanIn = 8;
const smallestTier = 64 * 1_024;

const tierOf = ({ rawBytes }: SegmentRef): number =>
  Math.max(0, Math.floor(Math.log(rawBytes / smallestTier) / Math.log(fanIn)));

/** Neighbours that are worth merging: the oldest of the smallest that there are enough of, as far as they are held at once. */
export function planMerge(
  segments: readonly SegmentRef[],
  bytesMax: number,
): readonly SegmentRef[] {
  let best: readonly SegmentRef[] = [];
  let bestTier = Number.POSITIVE_INFINITY;
  for (let start = 0; start + fanIn <= segments.length; start += 1) {
    const window = segments.slice(start, start + fanIn);
    const tier = Math.max(...window.map(tierOf));
    const held = window.reduce((sum, { bytes }) => sum + bytes, 0);
    if (held > Math.max(bytesMax, fanIn * smallestTier) || tier >= bestTier) continue;
    best = window;
    bestTier = tier;
  }
  return best;
}

interface Sources {
  readonly refs: readonly SegmentRef[];
  readonly get: (ref: SegmentRef) => Promise<Uint8Array>;
  /** Lets others have their turn. */
  readonly rest: () => Promise<void>;
}

export interface MergedSegments {
  readonly written: WrittenSegment;
  /** Sessions that keep lines of a source no more as they were, by its name. */
  readonly left: ReadonlyMap<string, readonly string[]>;
}

/** The sessions of these segments that are still what they were, in one. */
export async function mergeSegments(
  replica: ShardReplica,
  { refs, get, rest }: Sources,
): Promise<MergedSegments> {
  const sources: MergeSource[] = [];
  for (const ref of refs) sources.push(new MergeSource(ref.name, await get(ref)));
  const left = new Map<string, string[]>();
  const { shard, logName } = replica;
  const endOffset = refs.at(-1)?.endOffset ?? 0;
  const writer = new SegmentWriter({
    shard,
    logEpoch: logName.logEpoch ?? '',
    firstOffset: BigInt(refs[0]?.firstOffset ?? 0),
    endOffset: BigInt(endOffset),
  });
  const pace = new Pace(rest);
  const keys = [...new Set(sources.flatMap((source) => [...source.keys]))].sort(compareText);
  for await (const { key, state } of new PastFold(replica, endOffset).each(keys, rest)) {
    const parts = partsOf(sources, key);
    noteLeft(left, state, parts);
    const own = parts.filter(({ session }) => session.tag === state.stream?.tag);
    await addKept(writer, state, { parts: own, pace });
  }
  return { written: writer.finish(), left };
}

/** What a source has of a session. */
interface SourcePart {
  readonly source: MergeSource;
  readonly session: SegmentSession;
}

const partsOf = (sources: readonly MergeSource[], key: string): readonly SourcePart[] =>
  sources.flatMap((source) => {
    const session = source.session(key);
    return session === undefined ? [] : [{ source, session }];
  });

/** All of a session as it is when it comes to it, whatever happens between the steps. */
async function addKept(
  writer: SegmentWriter,
  state: SessionState,
  { parts, pace }: { readonly parts: readonly SourcePart[]; readonly pace: Pace },
): Promise<void> {
  let nextSeq = parts[0]?.session.firstSeq ?? 0;
  for (const { source, session } of parts) {
    const { key, tag, firstSeq } = session;
    if (firstSeq !== nextSeq) throw new Problem('corrupt', 'segments have a gap in a session');
    for (const some of source.lines(session)) {
      for (const { items: lines, bytes } of steps(some, ({ length }) => length)) {
        writer.addLines(keptLines(state, { key, tag, firstSeq: nextSeq, lines }));
        nextSeq += lines.length;
        await pace.done(bytes);
      }
    }
  }
}

function noteLeft(
  left: Map<string, string[]>,
  state: SessionState,
  parts: readonly SourcePart[],
): void {
  for (const { source, session } of parts) {
    if (!hasLeft(state, session)) continue;
    left.set(source.name, [...(left.get(source.name) ?? []), session.key]);
  }
}

/** As a fold tells that has got so far at least. */
export async function isLeft(
  replica: ShardReplica,
  session: SegmentSession,
  foldedTo: number,
): Promise<boolean> {
  for await (const { state } of new PastFold(replica, foldedTo).each([session.key])) {
    if (hasLeft(state, session)) return true;
  }
  return false;
}

/** Whether a session keeps lines of a segment no more as they are. */
function hasLeft(
  { stream }: SessionState,
  part: { readonly tag: string; readonly firstSeq: number; readonly count: number },
): boolean {
  if (stream?.tag !== part.tag) return true;
  const { head, redacted } = stream.aspects.keeping;
  const isInside = ([seq]: readonly [number, number]): boolean =>
    seq >= part.firstSeq && seq < part.firstSeq + part.count;
  return part.firstSeq < head.seq || redacted.some(isInside);
}

/** What the session keeps of them. */
function keptLines(state: SessionState, all: SessionLines): SessionLines {
  const head = lineHead(state.tenant, state.name);
  const lines = all.lines.flatMap((line) => {
    const bytes = Buffer.from(line.buffer, line.byteOffset, line.length);
    return keptLine(state, bytes, placeIn(bytes, head)) ?? [];
  });
  return { ...all, firstSeq: all.firstSeq + all.lines.length - lines.length, lines };
}
