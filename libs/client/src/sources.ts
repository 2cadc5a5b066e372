// The three ways to follow a session. Each tells the same: that it is open, then batches with the cursor behind
// them, and how the session ended. Each throws a Problem where it is refused or its connection is lost.

import type { StoredEvent } from './events.ts';
import { type Heard, keyOf, LiveSocket, type Subscription } from './live-socket.ts';
import { abortable, deadline } from './platform.ts';
import { isProblem, noAnswer, problemOf } from './problem.ts';
import type { Requests } from './requests.ts';
import { type Frame, framesOf } from './sse.ts';

export interface Wish {
  readonly session: string;
  /** `start` or a cursor. */
  readonly after: string;
  readonly types: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Called when something was heard: it works. */
  readonly opened: () => void;
}

export interface SourceParts {
  readonly requests: Requests;
  readonly sockets: LiveSockets;
  /** How long it may take until the first word is heard. */
  readonly openMs: number;
}

export type Source = (parts: SourceParts, wish: Wish) => AsyncGenerator<Heard>;

export const sessionPath = (session: string): string =>
  `/v1/sessions/${encodeURIComponent(session)}`;

/** Of the same session as a stream. */
const streamPath = (session: string): string =>
  `/v1/stream/${session.split('/').map(encodeURIComponent).join('/')}`;

/** As few sockets as it takes: a session is followed with one filter once over each. */
export class LiveSockets {
  readonly #requests: Requests;
  readonly #openMs: number;
  readonly #open = new Set<LiveSocket>();

  constructor(requests: Requests, openMs: number) {
    this.#requests = requests;
    this.#openMs = openMs;
  }

  /** With the key reserved on it. */
  async socketFor(key: string): Promise<LiveSocket> {
    const { platform, settings } = this.#requests;
    const credential = await this.#requests.credential();
    for (const socket of this.#open) {
      if (socket.isLost) this.#open.delete(socket);
      else if (socket.reserve(key)) return socket;
    }
    const target = { url: settings.url, credential, openMs: this.#openMs };
    const socket = new LiveSocket(platform, target);
    socket.reserve(key);
    this.#open.add(socket);
    return socket;
  }

  letGo(socket: LiveSocket): void {
    if (!socket.isIdle) return;
    this.#open.delete(socket);
    socket.close();
  }
}

export const overSocket: Source = async function* ({ sockets }, wish) {
  const key = keyOf(wish);
  const socket = await sockets.socketFor(key);
  let subscription: Subscription | undefined;
  try {
    await abortable(socket.opened, wish.signal);
    subscription = socket.subscribe(wish, wish.opened);
    for (;;) yield await subscription.next(wish.signal);
  } finally {
    if (subscription === undefined) socket.release(key);
    else subscription.leave();
    sockets.letGo(socket);
  }
};

/** The server says something every ten seconds. */
const silenceMs = 30_000;
/** A server holds a long-poll for two minutes at most. */
const longPollMs = 150_000;

/** The parameter of a cursor. */
const afterOf = (cursor: string): string => (cursor === 'start' ? '-1' : cursor);

export const overSse: Source = async function* (parts, wish) {
  const { requests, openMs } = parts;
  let cursor = wish.after;
  const limit = deadline(requests.platform, openMs, wish.signal);
  try {
    const response = await requests.send(
      {
        path: `${sessionPath(wish.session)}/events/stream`,
        query: { after: afterOf(cursor), 'types[]': wish.types },
        headers: { accept: 'text/event-stream' },
      },
      limit.signal,
    );
    const { status, body, headers } = response;
    if (!response.ok || body === null) {
      throw problemOf({ status, text: await response.text(), headers, effect: 'none' });
    }
    const heard = (): void => {
      wish.opened();
      limit.extend(silenceMs);
    };
    for await (const frame of framesOf(body, heard)) {
      const told = heardIn(frame, status);
      if (told === undefined) continue;
      if (told.kind === 'batch') cursor = told.cursor;
      // Nothing is heard while whoever follows is busy.
      limit.hold();
      yield told;
      if (told.kind === 'end') return;
      limit.extend(silenceMs);
    }
  } catch (cause) {
    if (wish.signal?.aborted === true) throw wish.signal.reason;
    throw isProblem(cause) ? cause : noAnswer(cause, 'none');
  } finally {
    limit.end();
  }
  yield* theEnd(requests, { ...wish, after: cursor });
};

/** An event has an id; what else is told under a name of its own has none. */
function heardIn({ id, event, data }: Frame, status: number): Heard | undefined {
  if (id !== undefined) {
    return { kind: 'batch', events: [JSON.parse(data) as StoredEvent], cursor: id };
  }
  if (event === 'error') throw problemOf({ status, text: data, effect: 'none' });
  return event === 'session.deleted' ? { kind: 'end', reason: 'deleted' } : undefined;
}

/** A stream of events that ended in order: its session has ended, or the server stops. */
async function* theEnd(requests: Requests, wish: Wish): AsyncGenerator<Heard> {
  if (!(await isClosed(requests, wish))) throw noAnswer('the stream ended', 'none');
  yield* listed(requests, wish);
  yield { kind: 'end', reason: 'closed' };
}

async function isClosed(requests: Requests, { session, signal }: Wish): Promise<boolean> {
  const { headers } = await requests.ask({ method: 'HEAD', path: streamPath(session), signal });
  return headers.get('stream-closed') === 'true';
}

interface ListedPage {
  readonly data: readonly StoredEvent[];
  readonly next_page: string | null;
}

/** All that is there behind a cursor, and the cursor behind it. */
async function* listed(
  requests: Requests,
  { session, after, types, signal }: Wish,
): AsyncGenerator<Heard, string> {
  const path = `${sessionPath(session)}/events`;
  for (let cursor = after; ; ) {
    const query = { order: 'asc', after: afterOf(cursor), 'types[]': types };
    const { body, headers } = await requests.ask<ListedPage>({ path, query, signal });
    cursor = headers.get('stream-next-offset') ?? cursor;
    if (body.data.length > 0) yield { kind: 'batch', events: body.data, cursor };
    if (body.next_page === null) return cursor;
  }
}

/** Lists, and waits at the end of the list for one event more. */
export const overLongPoll: Source = async function* ({ requests }, wish) {
  const path = streamPath(wish.session);
  for (let after = wish.after; ; ) {
    after = yield* listed(requests, { ...wish, after });
    wish.opened();
    const waited = await requests.ask<unknown>({
      path,
      query: { offset: afterOf(after), live: 'long-poll', limit: 1 },
      signal: wish.signal,
      timeoutMs: longPollMs,
    });
    const isEnd = waited.status === 204 && waited.headers.get('stream-closed') === 'true';
    if (isEnd) return yield { kind: 'end', reason: 'closed' };
  }
};
