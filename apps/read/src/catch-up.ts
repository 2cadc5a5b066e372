import {
  type EdgeReply,
  type EdgeRequest,
  type HeaderPairs,
  headerOf,
  headerPairs,
  sendOngoing,
  sendRaw,
} from '@tidemark/edge';
import { limits } from '@tidemark/protocol';
import {
  type BegunRange,
  beginRead,
  type EventRange,
  nothingAt,
  type ReadBounds,
  wholeRange,
} from '@tidemark/replica';
import { cursorAt, type StreamState } from '@tidemark/session';
import type { GoLive } from './live-grant.ts';
import type { ReadRequest } from './read-request.ts';
import { bodyOfBegun, bodyOfRange, emptyBody } from './response-body.ts';
import type { ReadParts, StreamView } from './stream-view.ts';

export interface Answer {
  readonly request: EdgeRequest;
  readonly reply: EdgeReply;
  /** A tenant with a key has answers that no shared cache may keep. */
  readonly isShared: boolean;
  /** For an answer that waits for what is not there yet. */
  readonly goLive: GoLive;
}

type ReadFrom = Pick<ReadBounds, 'position' | 'eventsMax'>;

const boundsFrom = (from: ReadFrom): ReadBounds => ({ ...from, bytesMax: limits.readBytesMax });

export async function rangeAt(
  { shards: { reader } }: ReadParts,
  view: StreamView,
  from: ReadFrom,
): Promise<EventRange> {
  const bounds = boundsFrom(from);
  return reader.readHot(view.session, bounds) ?? reader.read(view.source, bounds);
}

export async function catchUp(
  parts: ReadParts,
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  const isNow = read.start.kind === 'now';
  const range = isNow
    ? wholeRange(nothingAt(position, view.present.tailSeq))
    : await rangeFrom(parts, view, { position, eventsMax: read.eventsMax });
  const stream = view.present;
  const headers = rangeHeaders(stream, range, view.isCurrent);
  if (isNow) {
    headers.push('cache-control', 'no-store');
    return sendRaw(answer.reply, 200, { headers, body: emptyBody(stream.isJson) });
  }
  const etag = etagOf(stream, { position, endPosition: range.endPosition });
  headers.push('etag', etag);
  pushCaching(headers, answer.isShared);
  if (isMatch(headerOf(answer.request.headers, 'if-none-match'), etag)) {
    return sendRaw(answer.reply, 304, { headers });
  }
  const firstSeq = stream.isJson
    ? position
    : await parts.shards.reader.seqAfter(view.source, position);
  headers.push('stream-first-seq', String(firstSeq));
  if (range.laterBytes === 0) {
    return sendRaw(answer.reply, 200, { headers, body: bodyOfRange(range, stream.isJson) });
  }
  await sendOngoing(answer.reply, 200, { headers, body: bodyOfBegun(range, stream.isJson) });
}

/** As `rangeAt`, but that what is cold may come while it is sent. */
async function rangeFrom(
  { shards: { reader } }: ReadParts,
  view: StreamView,
  from: ReadFrom,
): Promise<BegunRange> {
  const bounds = boundsFrom(from);
  const hot = reader.readHot(view.session, bounds);
  return hot === undefined ? beginRead(reader, view.source, bounds) : wholeRange(hot);
}

/** What one key is answered is not for another, also in the cache of one browser. */
export function pushCaching(headers: HeaderPairs, isShared: boolean): void {
  const scope = isShared ? 'public' : 'private';
  headers.push('cache-control', `${scope}, max-age=60, stale-while-revalidate=300`);
  if (!isShared) headers.push('vary', 'authorization, origin, x-api-key');
}

/** Whether a list of tags, weak ones included, or `*`, has this one. */
export function isMatch(list: string | undefined, etag: string): boolean {
  if (list === undefined) return false;
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}

/** Varies with what is served and with whether the end is final. */
function etagOf(
  stream: StreamState,
  { position, endPosition }: { readonly position: number; readonly endPosition: number },
): string {
  const isEnd = endPosition === stream.tailPosition;
  const suffix = stream.isClosed && isEnd ? ':c' : '';
  return `"${stream.incarnation.slice(0, 16)}:${position}:${endPosition}${suffix}"`;
}

export function rangeHeaders(
  stream: StreamState,
  range: EventRange,
  isCurrent: boolean,
): HeaderPairs {
  const headers = headerPairs();
  headers.push('content-type', stream.contentType);
  headers.push('stream-next-offset', cursorAt(stream, range.endPosition));
  headers.push('stream-next-seq', String(range.endSeq));
  if (isCurrent && range.endPosition === stream.tailPosition) {
    headers.push('stream-up-to-date', 'true');
    if (stream.isClosed) headers.push('stream-closed', 'true');
  }
  return headers;
}
