// A client on the live socket: several sessions over one, each with credit of its own. The connection is
// production code; the socket is a buffer that its client empties when it likes.

import type { Identity, LiveGrant, LiveSocket, Tenancy, TextFrame } from '@tidemark/edge';
import type { SeededPrng } from '@tidemark/ports/testing';
import { parseCursor } from '@tidemark/protocol';
import { LiveConnection } from '@tidemark/read/live/live-connection';
import type { Tenant } from '@tidemark/replica';
import { textOf } from '@tidemark/std';
import type { Following } from './following.ts';
import type { Incarnation } from './incarnation.ts';
import type { Named } from './names.ts';
import { locate } from './operate.ts';
import type { World } from './world.ts';

/** What the server says, of one subscription or of the socket. */
interface Frame {
  readonly type: 'ready' | 'ok' | 'ev' | 'live' | 'end' | 'err';
  readonly ref?: string;
  readonly ch?: number;
  readonly cursor?: string;
  readonly events?: readonly { readonly e?: string }[];
  readonly reason?: string;
  readonly code?: string;
  readonly effect?: string;
}

/** Where a client wants to begin, or goes on. */
export interface Wanted {
  readonly named: Named;
  readonly after: string;
  /** Nothing that anybody writes is of this type. */
  readonly isOfNothing: boolean;
  /** A cursor of another session: it must not be taken. */
  readonly isForeign: boolean;
}

const creditStep = 150;
const bufferedMax = 400;
const nothing = 'of.nothing';

class Subscription implements Following {
  readonly process: Incarnation;
  readonly wanted: Wanted;
  readonly op: string;
  channel: number | undefined;
  sentBytes = 0;
  credit = creditStep;
  cursor: string | undefined;
  isOver = false;
  readonly #client: LiveFollower;

  constructor(client: LiveFollower, process: Incarnation, from: { wanted: Wanted; op: string }) {
    this.#client = client;
    this.process = process;
    this.wanted = from.wanted;
    this.op = from.op;
  }

  get position(): number {
    return this.cursor === undefined ? 0 : parseCursor(this.cursor).position;
  }

  get life(): string {
    return this.cursor === undefined ? '' : parseCursor(this.cursor).tag;
  }

  finish(idleFrom: number): void {
    const { life, position: tail } = this;
    const isFollowing = this.channel !== undefined && !this.wanted.isOfNothing;
    if (!isFollowing) return this.leave();
    this.#client.answer(this, { outcome: 'ok', life, tail, closed: false, idleFrom });
  }

  outlive(): void {
    this.leave();
  }

  leave(): void {
    this.#client.answer(this, { outcome: 'ok' });
  }
}

export class LiveFollower implements LiveSocket {
  readonly credential = undefined;
  readonly #world: World;
  readonly #process: Incarnation;
  readonly #prng: SeededPrng;
  readonly #connection: LiveConnection;
  readonly #byRef = new Map<string, Subscription>();
  readonly #byChannel = new Map<number, Subscription>();
  #inbox: { readonly frame: Frame; readonly length: number }[] = [];
  #bufferedBytes = 0;
  #isReading = false;
  #isOver = false;

  constructor(
    world: World,
    process: Incarnation,
    from: {
      readonly client: string;
      readonly wanted: readonly Wanted[];
      readonly prng: SeededPrng;
    },
  ) {
    this.#world = world;
    this.#process = process;
    this.#prng = from.prng;
    const { shards, writes, followers } = process;
    const [first] = from.wanted;
    const tenant = first && locate(process, first.named)?.tenant;
    if (tenant === undefined) throw new Error('a process that is asked has its tenants');
    const { channels, fleets } = process.live;
    const tenancy = openTo(tenant) as Tenancy;
    for (const wanted of from.wanted) this.#call(from.client, wanted);
    const parts = { shards, writes, followers, channels, fleets, tenancy };
    this.#connection = new LiveConnection(parts, this);
    void process.gate.crashed.then(() => this.#lost());
  }

  #subscribe(): void {
    for (const [ref, { wanted, credit }] of this.#byRef) {
      const types = wanted.isOfNothing ? { types: [nothing] } : {};
      const { after, named } = wanted;
      this.#say({ type: 'sub', ref, session: named.name, after, credit, ...types });
    }
  }

  #call(client: string, wanted: Wanted): void {
    const { full: session } = wanted.named;
    const shard = locate(this.#process, wanted.named)?.replica.shard;
    const placed = shard === undefined ? {} : { shard };
    const op = this.#world.recorder.call({ client, session, type: 'follow', ...placed });
    const subscription = new Subscription(this, this.#process, { wanted, op });
    this.#byRef.set(op, subscription);
    this.#world.followers.add(subscription);
  }

  get isFull(): boolean {
    return this.#bufferedBytes > bufferedMax;
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  know(): void {
    // Whoever is in a simulation has shown who it is.
  }

  send({ payload }: TextFrame): void {
    if (this.#isOver || this.#process.gate.isCrashed) return;
    const frame = JSON.parse(textOf(payload)) as Frame;
    const { length } = payload;
    const to = this.#byChannel.get(frame.ch ?? -1);
    if (frame.type === 'ev' && to !== undefined) {
      if (to.sentBytes >= to.credit)
        this.#broken(to, 'was sent an event that it had no credit for');
      to.sentBytes += length;
    }
    if (frame.type === 'ok') this.#open(frame);
    this.#bufferedBytes += length;
    this.#inbox.push({ frame, length });
    this.#readSoon();
  }

  close(): void {
    this.#end({ outcome: 'ok' });
  }

  /** A number is known from when it is said: the next frame may be of it. */
  #open({ ref = '', ch, cursor }: Frame): void {
    const subscription = this.#byRef.get(ref);
    if (subscription === undefined || ch === undefined || cursor === undefined) return;
    if (subscription.wanted.isForeign) {
      this.#broken(subscription, 'was let in with a cursor of another session');
    }
    subscription.channel = ch;
    subscription.cursor = cursor;
    this.#byChannel.set(ch, subscription);
  }

  #readSoon(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const isSlow = this.#prng.chance(0.1);
    const restMs = this.#prng.below(isSlow ? (this.#prng.chance(0.1) ? 20_000 : 800) : 4);
    this.#world.clock.schedule(restMs, () => {
      this.#isReading = false;
      const read = this.#inbox;
      this.#inbox = [];
      this.#bufferedBytes = 0;
      for (const { frame } of read) if (!this.#isOver) this.#take(frame);
      if (this.#isOver || this.#process.gate.isCrashed) return;
      this.#giveCredit();
      this.#connection.drained();
    });
  }

  #take(frame: Frame): void {
    if (frame.type === 'ready') return this.#subscribe();
    const subscription = this.#byChannel.get(frame.ch ?? -1) ?? this.#byRef.get(frame.ref ?? '');
    if (subscription === undefined || subscription.isOver) return;
    if (frame.type === 'ev') this.#saw(subscription, frame);
    else if (frame.type === 'live') this.#caughtUp(subscription, frame);
    else if (frame.type === 'end') this.#sawEnd(subscription, frame);
    else if (frame.type === 'err') this.#failed(subscription, frame);
  }

  #saw(subscription: Subscription, { events = [], cursor = '' }: Frame): void {
    const { position: first, life, wanted, op } = subscription;
    const { position: end, tag } = parseCursor(cursor);
    if (wanted.isOfNothing)
      this.#broken(subscription, 'was told what its filter does not let through');
    if (tag !== life || end !== first + events.length) {
      this.#broken(subscription, `was told ${events.length} events from ${first} to ${cursor}`);
    }
    subscription.cursor = cursor;
    const names = events.map(({ e }) => e ?? 'garbled');
    this.#world.recorder.seen(op, { life, first, events: names });
  }

  #caughtUp(subscription: Subscription, { cursor = '' }: Frame): void {
    const isThere = parseCursor(cursor).position === subscription.position;
    if (isThere || subscription.wanted.isOfNothing) return;
    this.#broken(subscription, `has caught up at ${cursor}, and was told less`);
  }

  #sawEnd(subscription: Subscription, { reason }: Frame): void {
    const { life, position: first, op, wanted } = subscription;
    if (reason === 'closed' && !wanted.isOfNothing) {
      this.#world.recorder.seen(op, { life, first, events: [], closed: true });
    }
    this.answer(subscription, { outcome: 'ok' });
  }

  #failed(subscription: Subscription, { code = '', effect }: Frame): void {
    // What cannot be read any more was open before.
    const isRefused = effect === 'none' && subscription.channel === undefined;
    this.answer(subscription, isRefused ? { outcome: 'refused', code } : { outcome: 'ok' });
  }

  #giveCredit(): void {
    for (const [ch, subscription] of this.#byChannel) {
      if (subscription.isOver || subscription.sentBytes < subscription.credit - creditStep / 2)
        continue;
      subscription.credit = subscription.sentBytes + creditStep;
      this.#say({ type: 'credit', ch, bytes: subscription.credit });
    }
  }

  #say(message: object): void {
    this.#connection.message(JSON.stringify(message));
  }

  #broken({ wanted, op }: Subscription, what: string): void {
    this.#world.broken.push(
      `${this.#process.name}: a follower of ${wanted.named.full} ${what} (${op})`,
    );
  }

  answer(subscription: Subscription, answer: Parameters<World['recorder']['answer']>[1]): void {
    if (subscription.isOver) return;
    subscription.isOver = true;
    this.#world.followers.delete(subscription);
    this.#world.recorder.answer(subscription.op, answer);
    if ([...this.#byRef.values()].every(({ isOver }) => isOver)) this.#leave();
  }

  /** Where it was, for whoever goes on from there. */
  get wanted(): readonly Wanted[] {
    return [...this.#byRef.values()].flatMap(({ wanted, cursor }) =>
      cursor === undefined ? [] : [{ ...wanted, after: cursor }],
    );
  }

  #lost(): void {
    this.#end({ outcome: 'unknown' });
  }

  #end(answer: Parameters<World['recorder']['answer']>[1]): void {
    for (const subscription of this.#byRef.values()) this.answer(subscription, answer);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#process.gate.isCrashed) this.#connection.closed();
  }
}

/** A server without keys, as far as a socket asks. */
const openTo = (tenant: Tenant): Pick<Tenancy, 'isKeyless' | 'verify' | 'goLive'> => ({
  isKeyless: true,
  verify: (): Identity => ({
    tenant,
    by: 'local',
    scopes: new Set(['read', 'append']),
    session: undefined,
    share: undefined,
  }),
  goLive: (): LiveGrant => ({ holds: () => true, end: () => undefined }),
});
