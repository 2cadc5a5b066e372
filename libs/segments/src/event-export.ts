// The events of a shard as lines of its segments, in the order of the log, whether the log still has them or not.
//
// (1) What was exported up to an offset is all of that part of the log that is wanted and lives; what follows begins
//     there. So the place to go on from is an offset, whatever is archived, merged or erased meanwhile.
// (2) A line is the same to the byte where it comes from a segment and where it is made from the log.
// (3) What was deleted is told by the fold: lines of a session that is over are left out, though they be there still.

import { type Clock, type EventLog, isFault, sleep } from '@tidemark/ports';
import { type FoldedSession, lostEvents, type ShardReplica } from '@tidemark/replica';
import type { SessionState } from '@tidemark/session';
import { collectRange, eventsIn } from './collected-range.ts';
import { keptLine } from './kept-line.ts';
import {
  type OrderedLine,
  orderedLines,
  type StoredLine,
  type WantedSession,
} from './ordered-lines.ts';
import { PastFold } from './past-fold.ts';
import { type SegmentArchive, SegmentGone } from './segment-archive.ts';
import type { SegmentDirectory } from './segment-format.ts';
import { lineOf } from './segment-line.ts';
import { type SegmentManifest, type SegmentRef, segmentAt } from './segment-manifest.ts';
import { isWanted, lineHead, placeIn, type WantedLines } from './wanted-lines.ts';

export interface ExportParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly archive: SegmentArchive;
}

export interface ExportRequest {
  readonly replica: ShardReplica;
  /** Folded so far at least. */
  readonly to: number;
  readonly from: number;
  readonly wanted: WantedLines;
  /** Whether the key may be that of a session that is wanted. */
  readonly takesKey: (key: string) => boolean;
  /** Of a session whose key is taken, as it is now. */
  readonly takesSession: (state: SessionState) => boolean;
}

export interface ExportPiece {
  readonly lines: readonly OrderedLine[];
  /** All below it is exported. */
  readonly endOffset: number;
}

/** What one export holds at once: about 30 MiB, and an index of the segment's lines. */
const bounds = {
  windowBytes: 8 * 1_024 * 1_024,
  keptBytes: 16 * 1_024 * 1_024,
  fetchBytes: 4 * 1_024 * 1_024,
};
/** Segments that are gone in a row, each named by a manifest that was read for it. */
const movesMax = 5;
/** Of the log, before it is archived. */
const tailBytes = 4 * 1_024 * 1_024;
const pieceBytes = 256 * 1_024;

/** Rejects with a Problem, or with a Fault of the log. */
export async function* exportEvents(
  parts: ExportParts,
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<ExportPiece> {
  const { replica, to } = request;
  const { archive } = parts;
  let at = request.from;
  let moves = 0;
  let manifest = await archive.manifest(replica.logName, signal);
  while (at < to) {
    signal.throwIfAborted();
    try {
      for await (const piece of exportNext(parts, { ...request, from: at }, { manifest, signal })) {
        at = piece.endOffset;
        moves = 0;
        yield piece;
      }
    } catch (cause) {
      moves += 1;
      if (!hasMoved(cause)) throw cause;
      if (moves > movesMax) throw isFault(cause) ? lostEvents(cause) : cause;
      manifest = await archive.manifest(replica.logName, signal);
    }
  }
}

/** It was archived, or merged, since the manifest was read. */
const hasMoved = (cause: unknown): boolean =>
  cause instanceof SegmentGone || (isFault(cause) && cause.reason === 'below-start');

interface Known {
  readonly manifest: SegmentManifest | undefined;
  readonly signal: AbortSignal;
}

/** What is left of one segment, or a part of the log. */
function exportNext(
  parts: ExportParts,
  request: ExportRequest,
  { manifest, signal }: Known,
): AsyncGenerator<ExportPiece> {
  const { from, to } = request;
  if (manifest === undefined || from >= manifest.endOffset) return fromLog(parts, request, signal);
  const segment = segmentAt(manifest, from);
  if (segment !== undefined) return fromSegment(parts, { request, segment }, signal);
  const next = manifest.segments.find(({ firstOffset }) => firstOffset > from);
  return nothingUntil(Math.min(to, next?.firstOffset ?? manifest.endOffset));
}

/** A range without an event has no segment. */
async function* nothingUntil(endOffset: number): AsyncGenerator<ExportPiece> {
  yield await Promise.resolve({ lines: [], endOffset });
}

async function* fromSegment(
  { archive }: ExportParts,
  { request, segment }: { readonly request: ExportRequest; readonly segment: SegmentRef },
  signal: AbortSignal,
): AsyncGenerator<ExportPiece> {
  const { wanted, from } = request;
  const to = Math.min(request.to, segment.endOffset);
  const isOfTheTime = segment.lastMs >= wanted.fromMs && segment.firstMs < wanted.toMs;
  if (isOfTheTime) {
    const directory = await archive.directory(segment, signal);
    const sessions = await wantedSessions(request, directory);
    const fetch = (firstByte: number, endByte: number): Promise<Uint8Array> =>
      archive.bytes(segment, { firstByte, endByte }, signal);
    const range = { fromOffset: from, toOffset: to };
    const source = { segment, directory, sessions, wanted, ...range, fetch };
    for await (const window of orderedLines(source, bounds)) {
      yield* piecesOf(await keptOf(request, window));
    }
  }
  yield { lines: [], endOffset: to };
}

async function wantedSessions(
  { replica, to, takesKey, takesSession, wanted }: ExportRequest,
  { sessions }: SegmentDirectory,
): Promise<readonly WantedSession[]> {
  const ofKey = sessions.filter(
    ({ key, firstSeq, count }) =>
      takesKey(key) && firstSeq < wanted.endSeq && firstSeq + count > wanted.firstSeq,
  );
  const byKey = new Map(ofKey.map((session) => [session.key, session]));
  const found: WantedSession[] = [];
  for await (const { key, state } of new PastFold(replica, to).each([...byKey.keys()])) {
    const session = byKey.get(key);
    if (session === undefined || state.stream?.tag !== session.tag || !takesSession(state))
      continue;
    const head = lineHead(state.tenant, state.name);
    found.push({ session, head, keptAs: (line, place) => keptLine(state, line, place) });
  }
  return found;
}

/** What of a window is kept now: something may have been taken since its segment was looked at. */
async function keptOf(
  { replica, to, takesSession }: ExportRequest,
  window: readonly StoredLine[],
): Promise<readonly OrderedLine[]> {
  const byKey = Map.groupBy(window, ({ session }) => session.key);
  const kept: OrderedLine[] = [];
  for await (const { key, state } of new PastFold(replica, to).each([...byKey.keys()])) {
    const lines = byKey.get(key) ?? [];
    const isThere = state.stream?.tag === lines[0]?.session.tag && takesSession(state);
    if (isThere) kept.push(...keptIn(state, lines));
  }
  return kept.sort((one, other) => one.offset - other.offset);
}

function* keptIn(state: SessionState, lines: readonly StoredLine[]): Generator<OrderedLine> {
  for (const { offset, line, place } of lines) {
    const now = keptLine(state, line, place);
    if (now !== undefined) yield { offset, line: now };
  }
}

function* piecesOf(window: readonly OrderedLine[]): Generator<ExportPiece> {
  let lines: OrderedLine[] = [];
  let bytes = 0;
  for (const [index, ordered] of window.entries()) {
    lines.push(ordered);
    bytes += ordered.line.length;
    if (bytes < pieceBytes && index < window.length - 1) continue;
    yield { lines, endOffset: ordered.offset + 1 };
    [lines, bytes] = [[], 0];
  }
}

async function* fromLog(
  { log, clock }: ExportParts,
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<ExportPiece> {
  const { replica, from, to } = request;
  const range = await collectRange(
    { log, clock, replica },
    { from, to, bytesMax: tailBytes },
    signal,
  );
  const keys = [...range.byKey.keys()].filter(request.takesKey);
  const lines: OrderedLine[] = [];
  const rest = (): Promise<void> => sleep(clock, 0);
  for await (const session of new PastFold(replica, to).each(keys, rest)) {
    if (request.takesSession(session.state)) addLines(session, { request, range, lines });
  }
  lines.sort((one, other) => one.offset - other.offset);
  yield* piecesOf(lines);
  yield { lines: [], endOffset: range.endOffset };
}

interface Collected {
  readonly request: ExportRequest;
  readonly range: Awaited<ReturnType<typeof collectRange>>;
  readonly lines: OrderedLine[];
}

function addLines(session: FoldedSession, { request, range, lines }: Collected): void {
  const { key, state } = session;
  const { stream, tenant, name } = state;
  if (stream === undefined) return;
  const head = lineHead(tenant, name);
  for (const event of eventsIn(session, range)) {
    const made = lineOf({ key, tenant, name, stream }, event);
    const line = Buffer.from(made.buffer, made.byteOffset, made.length);
    const isAsked = isWanted(line, placeIn(line, head), request.wanted);
    if (isAsked) lines.push({ offset: event.offset, line });
  }
}
