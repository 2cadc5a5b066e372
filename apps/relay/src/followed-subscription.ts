// One subscription as this process follows it: its folded state, which of its streams may have
// something pending, and when its lease was last seen to begin.

import type { Clock, Timer } from '@tidemark/ports';
import type { Located } from '@tidemark/replica';
import {
  isLinked,
  isMatched,
  type LiveSubscription,
  type PendingStream,
  type SubscriptionConfig,
  type WakeState,
} from '@tidemark/session';
import type { TenantStreams } from './tenant-streams.ts';

/** Streams that one wake names; the others are pending for the next. */
export const wakeStreamsMax = 1_000;

export class FollowedSubscription {
  readonly id: string;
  readonly located: Located;
  readonly streams: TenantStreams;
  /** Which attempt this process has begun to deliver, and not finished. */
  delivering: string | undefined;
  /** The last attempt that this process began: it begins none twice. */
  delivered: string | undefined;
  pendingSinceMs: number | undefined;
  readonly #clock: Clock;
  readonly #names = new Set<string>();
  readonly #candidates = new Set<string>();
  #config: SubscriptionConfig | undefined;
  #links: LiveSubscription['links'] | undefined;
  #lease = '';
  #leaseSeenAtMs = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(id: string, streams: TenantStreams, parts: { located: Located; clock: Clock }) {
    this.id = id;
    this.streams = streams;
    this.located = parts.located;
    this.#clock = parts.clock;
  }

  /** Undefined also where it was deleted here: another takes its place when it is created again. */
  get live(): LiveSubscription | undefined {
    if (this.#isClosed) return undefined;
    const { replica, key } = this.located;
    const subscription = replica.fold.peek(key)?.state.subscription;
    return subscription?.kind === 'live' ? subscription : undefined;
  }

  /** Streams that are linked, or that the pattern has found. May have some that no longer are. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** The state has changed. Returns whether other streams than before may matter to it. */
  sync(): boolean {
    const state = this.live;
    if (state === undefined) return false;
    this.pendingSinceMs = undefined;
    this.#see(state.wake?.lease ?? '');
    if (state.config !== this.#config) {
      this.#config = state.config;
      this.#links = state.links;
      this.#discover(state);
      return true;
    }
    const known = this.#links;
    if (state.links === known) return false;
    this.#links = state.links;
    return this.#addLinked(state, known);
  }

  #see(lease: string): void {
    if (lease === this.#lease) return;
    this.#lease = lease;
    this.#leaseSeenAtMs = this.#clock.monotonicMs();
  }

  #discover(state: LiveSubscription): void {
    this.#names.clear();
    this.#candidates.clear();
    this.#addLinked(state);
    if (state.config.pattern === undefined) return;
    for (const { name } of this.streams.all()) {
      if (isMatched(state.config, name)) this.#add(name);
    }
  }

  /** Returns whether any is new that the pattern does not take anyway. */
  #addLinked({ links, config }: LiveSubscription, known?: LiveSubscription['links']): boolean {
    let hasNew = false;
    for (const path of links.keys()) {
      if (known?.has(path) === true) continue;
      this.#add(path);
      hasNew ||= !isMatched(config, path);
    }
    return hasNew;
  }

  #add(name: string): void {
    this.#names.add(name);
    this.#candidates.add(name);
  }

  /** Whether what happens to a stream is this subscription's business. */
  minds(name: string): boolean {
    const state = this.live;
    return state !== undefined && (isLinked(state, name) || state.config.wakeStream === name);
  }

  streamChanged(name: string): void {
    if (name !== this.#config?.wakeStream || this.#names.has(name)) this.#add(name);
  }

  /** What is pending now, as far as one wake names it. */
  pending(state: LiveSubscription): readonly PendingStream[] {
    const found: PendingStream[] = [];
    for (const name of this.#candidates) {
      if (found.length >= wakeStreamsMax) break;
      const pending = this.streams.pending(state, name);
      if (pending === undefined) this.#candidates.delete(name);
      else found.push(pending);
    }
    return found;
  }

  /**
   * Folds on where a pending stream is another than the one that was acknowledged, and tells whether
   * it had to. A stream that was made again is begun anew; one of which this process has folded less
   * than whoever woke before would be taken for one.
   */
  async refreshRenewed(
    { links }: LiveSubscription,
    streams: readonly PendingStream[],
  ): Promise<boolean> {
    const renewed = streams.filter(({ path, incarnation }) => {
      const link = links.get(path);
      return link !== undefined && link.incarnation !== '' && link.incarnation !== incarnation;
    });
    if (renewed.length === 0) return false;
    await this.streams.refresh(renewed.map(({ path }) => this.streams.locate(path).replica));
    return true;
  }

  /**
   * By this process's own clock, since it folded the record with which the lease began. A stream that
   * was folded together with that record may ask before the subscription was told of it.
   */
  leaseAgeMs({ lease }: Pick<WakeState, 'lease'>): number {
    this.#see(lease);
    return this.#clock.monotonicMs() - this.#leaseSeenAtMs;
  }

  later(delayMs: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(delayMs, run);
  }

  quiet(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.quiet();
  }
}
