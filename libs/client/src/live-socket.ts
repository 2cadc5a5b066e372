// One WebSocket for many sessions: https://tidemark.dev/docs/live has its messages.
//
// (1) A subscription may be told as many bytes as it has credit for; more is granted as its events are taken. So
//     nothing piles up for one that is slow, and it holds up no other.
// (2) Where nothing was heard for a while the server is asked for a sign: a browser tells nobody of a
//     connection that died without a word.
// (3) A socket that is lost ends all its subscriptions. Who followed begins anew, from the last cursor.

import { bytesIn, type StoredEvent } from './events.ts';
import type { Platform } from './platform.ts';
import { noAnswer, Problem, problemFieldsOf } from './problem.ts';

export interface Subscribed {
  readonly session: string;
  readonly after: string;
  readonly types: readonly string[];
}

/** A session with a filter. */
export const keyOf = ({ session, types }: Subscribed): string =>
  `${session}\n${[...types].sort().join(',')}`;

/** How a session ended for its followers. */
export type Ending = 'closed' | 'deleted';

/** What a follower hears, over whatever it is connected. */
export type Heard =
  | { readonly kind: 'batch'; readonly events: readonly StoredEvent[]; readonly cursor: string }
  | { readonly kind: 'end'; readonly reason: Ending };

type Message = Readonly<Record<string, unknown>> & {
  readonly type?: string;
  readonly ref?: string;
};

const creditBytes = 1024 * 1024;
const signMs = 15_000;
/** The server takes 1,000. */
const subscriptionsMax = 900;
/** Close codes from 4400 on are final. */
const isFinal = (code: number): boolean => code >= 4_400 && code < 4_500;

export interface SocketTarget {
  readonly url: string;
  readonly credential: string | undefined;
  readonly openMs: number;
}

const base64Url = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

export class LiveSocket {
  readonly #platform: Platform;
  readonly #socket: WebSocket;
  readonly #byRef = new Map<string, Subscription>();
  readonly #byChannel = new Map<number, Subscription>();
  readonly #keys = new Set<string>();
  /** By reference: what was left before the server had answered. */
  readonly #left = new Map<string, string>();
  readonly #opening = Promise.withResolvers<void>();
  readonly #openMs: number;
  #stopClock: () => void;
  #lastRef = 0;
  #wasHeard = false;
  #isAsked = false;
  #refusal: Problem | undefined;
  #loss: Problem | undefined;

  constructor(platform: Platform, { url, credential, openMs }: SocketTarget) {
    this.#platform = platform;
    this.#openMs = openMs;
    const own = credential === undefined ? [] : [`tidemark.bearer.${base64Url(credential)}`];
    const address = `${url.replace(/^http/, 'ws')}/v1/live`;
    const Socket = platform.WebSocket as typeof WebSocket;
    this.#socket = new Socket(address, ['tidemark.v1', ...own]);
    this.#socket.addEventListener('message', ({ data }) => this.#take(String(data)));
    this.#socket.addEventListener('close', ({ code, reason }) => this.#closed(code, reason));
    this.#socket.addEventListener('error', () => this.#lose(noAnswer('the socket failed', 'none')));
    this.#stopClock = platform.after(openMs, () =>
      this.#lose(noAnswer('the socket did not open in time', 'none')),
    );
    this.#opening.promise.catch(() => undefined);
  }

  /** Rejects where it cannot be had. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  get isIdle(): boolean {
    return this.#keys.size === 0;
  }

  /** The server follows a session with one filter once over one socket: false where it does already. */
  reserve(key: string): boolean {
    if (this.#keys.has(key) || this.#keys.size >= subscriptionsMax) return false;
    this.#keys.add(key);
    return true;
  }

  /** Of a key that was reserved and is not subscribed with. */
  release(key: string): void {
    this.#keys.delete(key);
  }

  /** With the key that was reserved. */
  subscribe(subscribed: Subscribed, opened: () => void): Subscription {
    this.#lastRef += 1;
    const ref = String(this.#lastRef);
    const subscription: Subscription = new Subscription({
      opened,
      grant: (bytes) => this.#send({ type: 'credit', ch: subscription.channel, bytes }),
      leave: () => this.#leave(ref, keyOf(subscribed), subscription),
    });
    this.#byRef.set(ref, subscription);
    if (this.#loss === undefined) {
      const { session, after, types } = subscribed;
      this.#send({ type: 'sub', ref, session, after, types, credit: creditBytes });
      subscription.cancelWait = this.#platform.after(this.#openMs, () =>
        subscription.fail(noAnswer('the subscription was not answered in time', 'none')),
      );
    } else subscription.fail(this.#loss);
    return subscription;
  }

  /** Its key is free once the server has left it as well. */
  #leave(ref: string, key: string, { channel, isAnswered }: Subscription): void {
    this.#byRef.delete(ref);
    if (!isAnswered && this.#loss === undefined) {
      this.#left.set(ref, key);
      return;
    }
    this.#keys.delete(key);
    if (channel === undefined || !this.#byChannel.delete(channel)) return;
    this.#send({ type: 'unsub', ch: channel });
  }

  close(): void {
    this.#lose(noAnswer('the socket was closed', 'none'));
  }

  #send(message: Message): void {
    // Some places have no constant of that name on what they give.
    const open = 1;
    if (this.#socket.readyState === open) this.#socket.send(JSON.stringify(message));
  }

  #take(text: string): void {
    if (this.#loss !== undefined) return;
    this.#wasHeard = true;
    const message = JSON.parse(text) as Message;
    const { type, ref, ch } = message;
    if (type === 'ready') return this.#ready();
    const subscription =
      ref === undefined ? this.#byChannel.get(ch as number) : this.#byRef.get(ref);
    if (subscription !== undefined) {
      if (type === 'ok') this.#byChannel.set(ch as number, subscription);
      return subscription.take(message, text);
    }
    const left = this.#left.get(ref ?? '');
    if (left !== undefined) return this.#leaveLate(ref ?? '', left, ch);
    if (type === 'err' && ref === undefined && ch === undefined) {
      this.#refusal = new Problem(problemFieldsOf(message, message));
    }
  }

  #leaveLate(ref: string, key: string, channel: unknown): void {
    this.#left.delete(ref);
    this.#keys.delete(key);
    if (this.isIdle) this.close();
    else if (channel !== undefined) this.#send({ type: 'unsub', ch: channel });
  }

  #ready(): void {
    this.#stopClock();
    this.#stopClock = this.#platform.after(signMs, () => this.#look());
    this.#opening.resolve();
  }

  #look(): void {
    if (!this.#wasHeard && this.#isAsked) return this.close();
    this.#isAsked = !this.#wasHeard;
    this.#wasHeard = false;
    if (this.#isAsked) this.#send({ type: 'ping', ref: 'ping' });
    this.#stopClock = this.#platform.after(signMs, () => this.#look());
  }

  #closed(code: number, reason: string): void {
    const lost = noAnswer(`the socket was closed: ${code} ${reason}`, 'none');
    if (!isFinal(code)) return this.#lose(lost);
    const unsaid = code === 4_401 || code === 4_408 ? 'unauthenticated' : 'invalid-request';
    const refused = { code: unsaid, message: reason, retry: 'never', effect: 'none' } as const;
    this.#lose(this.#refusal ?? new Problem(refused));
  }

  #lose(loss: Problem): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    this.#stopClock();
    this.#opening.reject(loss);
    for (const subscription of this.#byRef.values()) subscription.fail(loss);
    this.#socket.close();
  }
}

interface SubscriptionDoors {
  opened(): void;
  grant(bytes: number): void;
  leave(): void;
}

export class Subscription {
  readonly #doors: SubscriptionDoors;
  readonly #heard: { readonly heard: Heard; readonly bytes: number }[] = [];
  #failure: Problem | undefined;
  #wake: (() => void) | undefined;
  #takenBytes = 0;
  #grantedBytes: number = creditBytes;
  channel: number | undefined;
  isAnswered = false;
  cancelWait: (() => void) | undefined;

  constructor(doors: SubscriptionDoors) {
    this.#doors = doors;
  }

  take(message: Message, text: string): void {
    const { type, ch, cursor, events, reason } = message;
    if (type === 'ok') {
      this.cancelWait?.();
      this.isAnswered = true;
      this.channel = ch as number;
      this.#doors.opened();
    } else if (type === 'ev') {
      const told = events as readonly StoredEvent[];
      this.#hear({ kind: 'batch', events: told, cursor: cursor as string }, bytesIn(text));
    } else if (type === 'end' && reason !== 'stopped') {
      this.#hear({ kind: 'end', reason: reason as Ending }, 0);
    } else if (type === 'end') this.fail(noAnswer('the server follows it no more', 'none'));
    else if (type === 'err') {
      this.isAnswered = true;
      this.fail(new Problem(problemFieldsOf(message, message)));
    }
  }

  #hear(heard: Heard, bytes: number): void {
    this.#heard.push({ heard, bytes });
    this.#wake?.();
  }

  fail(problem: Problem): void {
    this.cancelWait?.();
    this.#failure ??= problem;
    this.#wake?.();
  }

  /** What was heard before the socket was lost is told first. */
  async next(signal: AbortSignal | undefined): Promise<Heard> {
    for (;;) {
      if (signal?.aborted === true) throw signal.reason;
      const next = this.#heard.shift();
      if (next !== undefined) return this.#taken(next.heard, next.bytes);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#something(signal);
    }
  }

  #something(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #taken(heard: Heard, bytes: number): Heard {
    this.#takenBytes += bytes;
    if (this.#grantedBytes - this.#takenBytes <= creditBytes / 2) {
      this.#grantedBytes = this.#takenBytes + creditBytes;
      this.#doors.grant(this.#grantedBytes);
    }
    return heard;
  }

  leave(): void {
    this.cancelWait?.();
    this.#doors.leave();
  }
}
