import { type HeaderPairs, headerPairs, sendRaw } from '@tidemark/edge';
import type { TimerWheel } from '@tidemark/platform';
import { limits, Problem } from '@tidemark/protocol';
import type { Followers } from '@tidemark/replica';
import { cursorAt, type StreamState } from '@tidemark/session';
import { type Answer, pushCaching, rangeAt, rangeHeaders } from './catch-up.ts';
import { liveCursor } from './live-cursor.ts';
import type { ReadRequest } from './read-request.ts';
import { bodyOfRange } from './response-body.ts';
import type { ReadParts, StreamView } from './stream-view.ts';

export interface LiveParts extends ReadParts {
  readonly wheel: TimerWheel;
  readonly followers: Followers;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly longPollMs: number;
}

export async function longPoll(
  parts: LiveParts,
  view: StreamView,
  { read, answer }: { readonly read: ReadRequest; readonly answer: Answer },
): Promise<void> {
  const position = await view.positionOf(read.start);
  await untilMore(parts, view, { position, answer });
  const stream = view.present;
  if (stream.tailPosition > position) {
    const range = await rangeAt(parts, view, { position, eventsMax: read.eventsMax });
    const headers = rangeHeaders(view.present, range, true);
    pushCaching(headers, answer.isShared);
    headers.push('stream-cursor', liveCursor(parts.nowMs(), parts.random, read.cursor));
    const body = bodyOfRange(range, stream.isJson);
    return sendRaw(answer.reply, 200, { headers, body });
  }
  sendRaw(answer.reply, 204, { headers: nothingNew(parts, stream, read) });
}

/** Rejects with a Problem where nothing can be told, not even that there is nothing new. */
export async function untilMore(
  parts: LiveParts,
  view: StreamView,
  place: { readonly position: number; readonly answer: Answer },
): Promise<void> {
  const { tailPosition, isClosed } = view.present;
  if (tailPosition === place.position && !isClosed) await moved(parts, view, place);
  view.located.replica.check();
}

export function nothingNew(parts: LiveParts, stream: StreamState, read: ReadRequest): HeaderPairs {
  const headers = headerPairs();
  headers.push('stream-next-offset', cursorAt(stream, stream.tailPosition));
  headers.push('stream-up-to-date', 'true', 'cache-control', 'no-store');
  if (stream.isClosed) headers.push('stream-closed', 'true');
  else headers.push('stream-cursor', liveCursor(parts.nowMs(), parts.random, read.cursor));
  return headers;
}

/** Resolves when there is more than nothing new to tell, when time is up, or when nobody waits. */
function moved(
  { wheel, longPollMs, followers }: LiveParts,
  view: StreamView,
  { position, answer }: { readonly position: number; readonly answer: Answer },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const grant = answer.goLive(look);
    const cursor = followers.follow(view.placeAt(position), look);
    const cancelTimeout = wheel.after(longPollMs, done);
    const cancelRenewal = keepAlive(wheel, view);
    const { raw } = answer.reply;
    raw.once('close', done);
    look();

    function look(): void {
      if (!grant.holds(cursor.stream)) {
        reject(new Problem('unauthenticated', 'the key, or the token, is good no more'));
        return done();
      }
      // The client may have left before anybody waited for that.
      if (cursor.standing !== 'tail' || raw.destroyed) done();
    }

    function done(): void {
      cancelTimeout();
      cancelRenewal();
      cursor.end();
      grant.end();
      resolve();
    }
  });
}

/** While a stream is read live, it does not expire. The answer ends that. */
export function keepAlive(wheel: TimerWheel, view: StreamView): () => void {
  const ttlMs = view.stream?.ttlMs;
  if (ttlMs === undefined || ttlMs > 2 * limits.sseLifetimeMs) return () => undefined;
  let cancel = wheel.after(ttlMs / 2, renew);
  function renew(): void {
    // What goes wrong here is met by the next read.
    view.renew().catch(() => undefined);
    cancel = wheel.after(Math.max(1, (ttlMs ?? 0) / 2), renew);
  }
  return () => cancel();
}
