import type { EdgeReply, EdgeRequest } from '@tidemark/edge';
import { limits } from '@tidemark/protocol';
import type { EventRange } from '@tidemark/replica';
import { cursorAt, type StreamState } from '@tidemark/session';
import type { ReadRequest } from './read-request.ts';
import { bodyOfRange, emptyBody, type ResponseBody } from './response-body.ts';
import type { ReadParts, StreamView } from './stream-view.ts';

export interface Answer {
  readonly request: EdgeRequest;
  readonly reply: EdgeReply;
  /** A tenant with a key has answers that no shared cache may keep. */
  readonly isShared: boolean;
}

export async function rangeAt(
  { shards }: ReadParts,
  view: StreamView,
  { position, eventsMax }: { readonly position: number; readonly eventsMax: number },
): Promise<EventRange> {
  const bounds = { position, bytesMax: limits.readBytesMax, eventsMax };
  const hot = shards.reader.readHot(view.session, bounds);
  return hot ?? shards.reader.read(view.source, bounds);
}

export async function catchUp(
  parts: ReadParts,
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  const isNow = read.start.kind === 'now';
  const range = isNow
    ? { bodies: [], endPosition: position, endSeq: view.present.tailSeq }
    : await rangeAt(parts, view, { position, eventsMax: read.eventsMax });
  const stream = view.present;
  const headers = rangeHeaders(stream, range, view.isCurrent);
  if (isNow) {
    headers['cache-control'] = 'no-store';
    send(answer.reply, { status: 200, headers, body: emptyBody(stream.isJson) });
    return;
  }
  const etag = etagOf(stream, { position, endPosition: range.endPosition });
  headers['etag'] = etag;
  headers['cache-control'] = cacheControl(answer.isShared);
  if (answer.request.headers['if-none-match'] === etag) {
    send(answer.reply, { status: 304, headers, body: undefined });
    return;
  }
  headers['stream-first-seq'] = String(range.endSeq - countOf(stream, position, range));
  send(answer.reply, { status: 200, headers, body: bodyOfRange(range, stream.isJson) });
}

const countOf = (stream: StreamState, position: number, range: EventRange): number =>
  stream.isJson ? range.endPosition - position : 0;

export const cacheControl = (isShared: boolean): string =>
  `${isShared ? 'public' : 'private'}, max-age=60, stale-while-revalidate=300`;

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
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': stream.contentType,
    'stream-next-offset': cursorAt(stream, range.endPosition),
    'stream-next-seq': String(range.endSeq),
  };
  if (isCurrent && range.endPosition === stream.tailPosition) {
    headers['stream-up-to-date'] = 'true';
    if (stream.isClosed) headers['stream-closed'] = 'true';
  }
  return headers;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ResponseBody | undefined;
}

/** Past fastify: the pieces go to the socket as they lie in the hot window. */
export function send(reply: EdgeReply, { status, headers, body }: RawAnswer): void {
  reply.hijack();
  const { raw } = reply;
  if (body === undefined) {
    raw.writeHead(status, headers).end();
    return;
  }
  raw.writeHead(status, { ...headers, 'content-length': String(body.lengthBytes) });
  raw.cork();
  for (const piece of body.pieces) raw.write(piece);
  raw.end();
  raw.uncork();
}
