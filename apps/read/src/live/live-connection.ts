// One client on the live socket, with all that it follows.
//
// (1) A subscription takes a piece when the socket has room and its credit allows; what it does not take
//     waits in the session, and nowhere else. One that has no credit left holds up no other.
// (2) What it follows ends with it, in whatever order that meets what else happens.
// (3) Where its key or token is good no more, it is told nothing more.
// (4) What is followed is followed as far as its key or token shows it; a socket is renewed with one that shows as much.

import { isDeepStrictEqual } from 'node:util';
import {
  closeCodes,
  type Identity,
  type LiveGrant,
  type LiveSocket,
  problemOf,
  type SocketHandler,
  type Tenancy,
  textFrame,
} from '@tidemark/edge';
import type { Timer } from '@tidemark/ports';
import { isProblem, limits, Problem, parseSessionName } from '@tidemark/protocol';
import type { FollowCursor, Followers } from '@tidemark/replica';
import { cursorAt } from '@tidemark/session';
import { appendOf, type Fields, idOfTold } from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { toldSession } from '../sessions/parts.ts';
import { type ReadParts, StreamView } from '../stream-view.ts';
import type { Channel, Channels, Followed, ReadyEvents } from './channels.ts';
import type { Fleets } from './fleet.ts';
import { type ClientMessage, parseMessage, refIn, type SubscribeSession } from './live-messages.ts';

export interface LiveParts extends ReadParts {
  readonly tenancy: Tenancy;
  readonly followers: Followers;
  readonly channels: Channels;
  readonly fleets: Fleets;
}

const subscriptionsMax = 1_000;
/** For the first message, where the socket was opened without a token. */
const helloMs = 10_000;
/** Messages that are worked on at once, and those that wait behind them. */
const underWayMax = 64;

interface Following {
  readonly channel: Channel;
  readonly cursor: FollowCursor;
  readonly followed: Followed;
  credit: number;
  sentBytes: number;
  isFetching: boolean;
  fetched: ReadyEvents | undefined;
  /** It was told that it has caught up. */
  isLive: boolean;
}

export class LiveConnection implements SocketHandler {
  readonly #parts: LiveParts;
  readonly #socket: LiveSocket;
  readonly #following = new Map<number, Following>();
  readonly #others = new Map<number, () => void>();
  #identity: Identity | undefined;
  #grant: LiveGrant | undefined;
  #underWay = 0;
  #isClosed = false;
  #hello: Timer | undefined;

  constructor(parts: LiveParts, socket: LiveSocket) {
    this.#parts = parts;
    this.#socket = socket;
    if (socket.credential !== undefined || parts.tenancy.isKeyless) {
      void this.#enter(socket.credential);
      return;
    }
    const { clock } = parts.shards.parts;
    this.#hello = clock.schedule(helloMs, () => {
      socket.close(closeCodes.silent, 'a token was not sent in time');
    });
  }

  async #enter(credential: string | undefined): Promise<void> {
    try {
      const identity = await this.#parts.tenancy.verify(credential);
      if (this.#isClosed) return;
      if (!isSameShare(this.#identity, identity)) {
        throw new Problem('forbidden', 'another share is shown over a socket of its own');
      }
      const grant = this.#parts.tenancy.goLive(credential, identity, () => this.#look());
      this.#grant?.end();
      this.#grant = grant;
      this.#identity = identity;
      this.#hello?.cancel();
      this.#socket.know();
      const { tenant, scopes, by, session } = identity;
      this.#send({ type: 'ready', tenant: tenant.id, by, scopes: [...scopes], session });
    } catch (cause) {
      const problem = problemOf(cause, limits.bodyBytesMax);
      this.#send(errorOf(problem, {}));
      const isPassing = problem.kind.retry === 'same';
      this.#socket.close(isPassing ? closeCodes.stalled : closeCodes.unauthenticated, problem.code);
    }
  }

  message(text: string): void {
    if (this.#isClosed) return;
    if (this.#underWay >= underWayMax) {
      this.#socket.close(closeCodes.stalled, 'too much is asked for at once');
      return;
    }
    this.#underWay += 1;
    this.#take(text)
      .catch((cause: unknown) => {
        const problem = problemOf(cause, limits.bodyBytesMax);
        if (problem.code === 'internal') {
          this.#parts.shards.parts.logger.error({ err: cause }, 'a live message failed');
        }
        this.#send(errorOf(problem, { ref: refIn(text) }));
      })
      .finally(() => {
        this.#underWay -= 1;
      });
  }

  async #take(text: string): Promise<void> {
    const message = parseMessage(text);
    if (message.kind === 'hello') return this.#enter(message.token);
    const identity = this.#identity;
    if (identity === undefined)
      throw new Problem('unauthenticated', 'say hello with a token first');
    switch (message.kind) {
      case 'session':
        return this.#subscribe(identity, message);
      case 'fleet':
      case 'counters':
        return this.#subscribeAll(identity, message);
      case 'credit':
        return this.#addCredit(message);
      case 'unsub':
        return this.#unsubscribe(message.channel);
      case 'append':
        return this.#append(identity, message);
      case 'renew':
        await this.#enter(message.token);
        return this.#send({ type: 'ok', ref: message.ref });
      case 'ping':
        return this.#send({ type: 'ok', ref: message.ref });
    }
  }

  async #subscribe(
    identity: Identity,
    { ref, session, after, types, credit }: SubscribeSession,
  ): Promise<void> {
    need(identity, 'read', session);
    if (this.#following.size + this.#others.size >= subscriptionsMax) throw tooMany();
    const { channels, followers } = this.#parts;
    const { share } = identity;
    const opened = { name: parseSessionName(session), mustBeCurrent: true, share };
    using view = await StreamView.open(this.#parts, identity.tenant, opened);
    if (!view.present.isJson) {
      throw new Problem('content-type-mismatch', 'its messages are not JSON');
    }
    const start =
      after === 'now'
        ? ({ kind: 'now' } as const)
        : ({ kind: 'cursor', offset: after === 'start' ? '-1' : after } as const);
    const position = await view.positionOf(start);
    if (this.#isClosed) return;
    const followed = { incarnation: view.incarnation, types, share };
    const channel = channels.hold(followed);
    if (this.#following.has(channel.number)) {
      channels.letGo(channel, followed);
      throw new Problem('invalid-request', 'the session is followed with this filter already');
    }
    const cursor = followers.follow(view.placeAt(position), () => this.#pump(following));
    const following: Following = {
      channel,
      cursor,
      followed,
      credit,
      sentBytes: 0,
      isFetching: false,
      fetched: undefined,
      isLive: false,
    };
    this.#following.set(channel.number, following);
    const stream = view.present;
    const at = cursorAt(stream, position);
    const told = { ref, ch: channel.number, cursor: at, session: toldSession(this.#parts, view) };
    this.#send({ type: 'ok', ...told });
    this.#pump(following);
  }

  #subscribeAll(
    identity: Identity,
    { kind, ref }: { kind: 'fleet' | 'counters'; ref: string },
  ): void {
    need(identity, 'read', undefined);
    if (this.#following.size + this.#others.size >= subscriptionsMax) throw tooMany();
    const ch = this.#parts.channels.newNumber();
    // What is told of all is a hint: one that finds no room is left out.
    const tell = (frame: Fields): void => {
      if (!this.#socket.isFull) this.#send(frame);
    };
    const end = this.#parts.fleets.listen(
      identity.tenant,
      kind === 'fleet'
        ? {
            changed: ({ sessions, hasMore }) =>
              tell({ type: 'fleet', ch, sessions, has_more: hasMore }),
          }
        : { counted: (counts) => tell({ type: 'counters', ch, ...counts }) },
    );
    this.#others.set(ch, end);
    this.#send({ type: 'ok', ref, ch });
  }

  #addCredit({ channel, bytes }: Extract<ClientMessage, { kind: 'credit' }>): void {
    const following = this.#following.get(channel);
    if (following === undefined) return;
    // Cumulative: what comes late, or twice, does no harm.
    following.credit = Math.max(following.credit, bytes);
    this.#pump(following);
  }

  #unsubscribe(channel: number): void {
    const following = this.#following.get(channel);
    if (following !== undefined) return this.#leave(following);
    this.#others.get(channel)?.();
    this.#others.delete(channel);
  }

  async #append(
    identity: Identity,
    { ref, session, sent }: Extract<ClientMessage, { kind: 'append' }>,
  ): Promise<void> {
    need(identity, 'append', session);
    const name = parseSessionName(session);
    if (sent.previews.length > 0) {
      throw new Problem('invalid-request', 'previews are sent by a request of their own');
    }
    const appended = await this.#parts.writes.append(identity.tenant, name, appendOf(sent, name));
    const ids = appended.stored?.map((stored, index) =>
      typeof stored === 'number' ? (sent.eventIds?.[index] ?? '') : idOfTold(stored),
    );
    this.#send({ type: 'ok', ref, ids, cursor: appended.nextOffset });
  }

  /** Tells as much as there is room and credit for. */
  #pump(following: Following): void {
    while (!this.#isClosed && this.#pumpOne(following));
  }

  #pumpOne(following: Following): boolean {
    const { cursor, channel } = following;
    if (this.#following.get(channel.number) !== following) return false;
    const { standing, stream } = cursor;
    if (this.#grant?.holds(stream) === false) return this.#revoked();
    if (standing === 'gone') return this.#finish(following, 'deleted');
    if (standing === 'stopped' || standing === 'over') return this.#finish(following, 'stopped');
    if (this.#socket.isFull || following.isFetching) return false;
    if (standing === 'closed') return this.#finish(following, 'closed');
    if (standing === 'tail') return this.#caughtUp(following);
    if (following.sentBytes >= following.credit) return false;
    const frame = following.fetched ?? channel.hot(cursor);
    following.fetched = undefined;
    if (frame === undefined) {
      void this.#fetch(following);
      return false;
    }
    cursor.take(frame);
    if (frame.encoded !== undefined) {
      following.sentBytes += frame.encoded.payload.length;
      this.#socket.send(frame.encoded);
    }
    return true;
  }

  #caughtUp(following: Following): false {
    const { cursor, channel } = following;
    if (!following.isLive && cursor.stream !== undefined) {
      following.isLive = true;
      const at = cursorAt(cursor.stream, cursor.position);
      this.#send({ type: 'live', ch: channel.number, cursor: at });
    }
    return false;
  }

  async #fetch(following: Following): Promise<void> {
    following.isFetching = true;
    try {
      following.fetched = await following.channel.fetch(following.cursor);
    } catch (cause) {
      const problem = isProblem(cause) ? cause : problemOf(cause, limits.bodyBytesMax);
      this.#send(errorOf(problem, { ch: following.channel.number }));
      this.#leave(following);
    } finally {
      following.isFetching = false;
    }
    this.#pump(following);
  }

  #finish(following: Following, reason: 'closed' | 'deleted' | 'stopped'): false {
    this.#send({ type: 'end', ch: following.channel.number, reason });
    this.#leave(following);
    return false;
  }

  #leave(following: Following): void {
    const { channel, cursor, followed } = following;
    if (!this.#following.delete(channel.number)) return;
    cursor.end();
    this.#parts.channels.letGo(channel, followed);
  }

  /** Its key or token may have ended. */
  #look(): void {
    if (this.#grant?.holds(undefined) === false) this.#revoked();
    else for (const following of this.#following.values()) this.#pump(following);
  }

  #revoked(): false {
    this.#socket.close(closeCodes.unauthenticated, 'the key, or the token, is good no more');
    this.closed();
    return false;
  }

  drained(): void {
    for (const following of this.#following.values()) this.#pump(following);
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hello?.cancel();
    for (const following of this.#following.values()) this.#leave(following);
    for (const end of this.#others.values()) end();
    this.#others.clear();
    this.#grant?.end();
  }

  #send(frame: Fields): void {
    this.#socket.send(textFrame([bytesOf(JSON.stringify(frame))]));
  }
}

function need(identity: Identity, scope: 'read' | 'append', session: string | undefined): void {
  if (!identity.scopes.has(scope)) throw new Problem('forbidden', `the scope ${scope} is needed`);
  if (identity.session === undefined || identity.session === session) return;
  throw session === undefined
    ? new Problem('forbidden', 'a client token is for one session')
    : new Problem('session-not-found', 'no such session');
}

const isSameShare = (before: Identity | undefined, { share }: Identity): boolean =>
  before === undefined || isDeepStrictEqual(before.share, share);

const tooMany = (): Problem =>
  new Problem('too-large', `at most ${subscriptionsMax} subscriptions over one socket`, {
    facts: { limit: 'subscriptionsMax', limitBytes: subscriptionsMax },
  });

function errorOf(
  problem: Problem,
  place: { readonly ref?: string | undefined; readonly ch?: number },
): Fields {
  const { retry, effect } = problem.kind;
  const { code, message, facts } = problem;
  return { type: 'err', ...place, code, message, retry, effect, ...facts };
}
