// A stream followed by server-sent events, as the Durable Streams protocol has them.

import { chunkOf, problemBody } from '@tidemark/edge';
import { isTextual, limits } from '@tidemark/protocol';
import type { FollowCursor } from '@tidemark/replica';
import type { Answer } from './catch-up.ts';
import { liveCursor } from './live-cursor.ts';
import type { LiveParts } from './long-poll.ts';
import type { ReadRequest } from './read-request.ts';
import { type FrameMaker, SharedFrames } from './shared-frames.ts';
import { SseConnection, type SseVoice, sseHeaders } from './sse-connection.ts';
import { controlFrame, frameParts } from './sse-frame.ts';
import type { StreamView } from './stream-view.ts';

const heartbeat = chunkOf(Buffer.from(': \n\n'));

export interface SseParts extends LiveParts {
  readonly frames: SharedFrames;
}

/** The frame tells its clients a cursor: those who would be told another have one of their own. */
const streamFrame: FrameMaker = (stream, piece, { variant: cursor, upToDate }) =>
  frameParts(stream, piece, { cursor, upToDate });

export const createStreamFrames = (): SharedFrames => new SharedFrames(streamFrame);

function streamVoice(
  { frames, nowMs, random }: SseParts,
  contentType: string,
  seenCursor: string | undefined,
): SseVoice {
  const cursorNow = (): string => liveCursor(nowMs(), random, seenCursor);
  const control = ({ stream, position }: FollowCursor): Uint8Array | undefined =>
    stream && controlFrame(stream, position, { cursor: cursorNow(), upToDate: true });
  return {
    headers: {
      ...sseHeaders,
      ...(isTextual(contentType) ? undefined : { 'stream-sse-data-encoding': 'base64' }),
    },
    lifetimeMs: limits.sseLifetimeMs,
    heartbeat,
    opening: (cursor) => (cursor.standing === 'tail' ? control(cursor) : undefined),
    hot: (cursor) => frames.hot(cursor, cursorNow()),
    fetch: (cursor) => frames.fetch(cursor, cursorNow()),
    ending: (cursor, { standing, isToldFinal }) =>
      standing === 'closed' && !isToldFinal ? control(cursor) : undefined,
    failure: (problem) =>
      Buffer.from(`event: error\ndata: ${JSON.stringify(problemBody(problem, ''))}\n\n`),
  };
}

export async function serveEvents(
  parts: SseParts,
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  const voice = streamVoice(parts, view.present.contentType, read.cursor);
  new SseConnection(parts, view, { ...answer, position, voice });
}
