// Neighbouring segments as one, or one anew, without the lines of sessions that are over.

import { Problem } from '@tidemark/protocol';
import type { ShardReplica } from '@tidemark/replica';
import type { SessionState } from '@tidemark/session';
import { compareText, Pace, steps } from '@tidemark/std';
import { keptLine } from './kept-line.ts';
import { PastFold } from './past-fold.ts';
import { decodeFooter, linesOf, type SegmentSession } from './segment-format.ts';
import type { SegmentRef } from './segment-manifest.ts';
import { SegmentWriter, type SessionLines, type WrittenSegment } from './segment-writer.ts';
import { lineHead, placeIn } from './wanted-lines.ts';

/** So many neighbours of about one size become one. */
const fanIn = 8;
const smallestTier = 64 * 1_024;
/** Sessions that are held at once. */
const heldMax = 200;

const tierOf = ({ rawBytes }: SegmentRef): number =>
  Math.max(0, Math.floor(Math.log(rawBytes / smallestTier) / Math.log(fanIn)));

/** Neighbours that are worth merging: the oldest of the smallest that there are enough of. */
export function planMerge(
  segments: readonly SegmentRef[],
  rawBytesMax: number,
): readonly SegmentRef[] {
  let best: readonly SegmentRef[] = [];
  let bestTier = Number.POSITIVE_INFINITY;
  for (let start = 0; start + fanIn <= segments.length; start += 1) {
    const window = segments.slice(start, start + fanIn);
    const tier = Math.max(...window.map(tierOf));
    const bytes = window.reduce((sum, { rawBytes }) => sum + rawBytes, 0);
    if (bytes > rawBytesMax || tier >= bestTier) continue;
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

interface SourceLines extends SessionLines {
  readonly source: string;
}

/** The sessions of these segments that are still what they were, in one. */
export async function mergeSegments(
  replica: ShardReplica,
  { refs, get, rest }: Sources,
): Promise<MergedSegments> {
  const pace = new Pace(rest);
  const byKey = new Map<string, SourceLines[]>();
  const left = new Map<string, string[]>();
  for (const ref of refs) {
    for (const part of await sessionsIn(await get(ref), pace)) {
      byKey.set(part.key, [...(byKey.get(part.key) ?? []), { ...part, source: ref.name }]);
    }
    await rest();
  }
  const { shard, logName } = replica;
  const endOffset = refs.at(-1)?.endOffset ?? 0;
  const writer = new SegmentWriter({
    shard,
    logEpoch: logName.logEpoch ?? '',
    firstOffset: BigInt(refs[0]?.firstOffset ?? 0),
    endOffset: BigInt(endOffset),
  });
  const keys = [...byKey.keys()].sort(compareText);
  const fold = new PastFold(replica, endOffset);
  for (let at = 0; at < keys.length; at += heldMax) {
    const held = await fold.hold(keys.slice(at, at + heldMax));
    try {
      for (const { key, state } of held) {
        const all = byKey.get(key) ?? [];
        noteLeft(left, state, all);
        const parts = all.filter(({ tag }) => tag === state.stream?.tag);
        await addKept(writer, state, { parts, pace });
      }
    } finally {
      for (const session of held) replica.letGo(session);
    }
    await rest();
  }
  return { written: writer.finish(), left };
}

/** All of a session as it is when it comes to it, whatever happens between the steps. */
async function addKept(
  writer: SegmentWriter,
  state: SessionState,
  { parts, pace }: { readonly parts: readonly SessionLines[]; readonly pace: Pace },
): Promise<void> {
  const all = joined(parts);
  let { firstSeq } = all;
  for (const { items: lines, bytes } of steps(all.lines, ({ length }) => length)) {
    writer.addLines(keptLines(state, { ...all, firstSeq, lines }));
    firstSeq += lines.length;
    await pace.done(bytes);
  }
}

function noteLeft(
  left: Map<string, string[]>,
  state: SessionState,
  parts: readonly SourceLines[],
): void {
  for (const { key, source, tag, firstSeq, lines } of parts) {
    if (!hasLeft(state, { tag, firstSeq, count: lines.length })) continue;
    left.set(source, [...(left.get(source) ?? []), key]);
  }
}

/** As a fold tells that has got so far at least. */
export async function isLeft(
  replica: ShardReplica,
  session: SegmentSession,
  foldedTo: number,
): Promise<boolean> {
  const held = await new PastFold(replica, foldedTo).hold([session.key]);
  try {
    return held.some(({ state }) => hasLeft(state, session));
  } finally {
    for (const each of held) replica.letGo(each);
  }
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

function joined(parts: readonly SessionLines[]): SessionLines {
  const [first] = parts;
  if (first === undefined) return { key: '', tag: '', firstSeq: 0, lines: [] };
  let nextSeq = first.firstSeq;
  for (const { firstSeq, lines } of parts) {
    if (firstSeq !== nextSeq) throw new Problem('corrupt', 'segments have a gap in a session');
    nextSeq += lines.length;
  }
  return { ...first, lines: parts.flatMap(({ lines }) => lines) };
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

async function sessionsIn(body: Uint8Array, pace: Pace): Promise<readonly SessionLines[]> {
  const { frames, sessions } = decodeFooter(body);
  const lines: Uint8Array[] = [];
  for (const { firstByte, endByte, lines: count } of frames) {
    for (const line of linesOf(body.subarray(firstByte, endByte), count)) lines.push(line);
    await pace.done(endByte - firstByte);
  }
  let at = 0;
  return sessions.map(({ key, tag, firstSeq, count }) => {
    const own = lines.slice(at, at + count).map(withLineFeed);
    at += count;
    return { key, tag, firstSeq, lines: own };
  });
}

/** It stands behind the line in the frame. */
const withLineFeed = (line: Uint8Array): Uint8Array =>
  new Uint8Array(line.buffer, line.byteOffset, line.length + 1);
