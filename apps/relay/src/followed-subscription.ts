// One subscription as this process follows it: its folded state, which of its streams may have
// something pending, and when its lease was last seen to begin.
//
// (1) A stream with something pending is a candidate, or candidates were left out and are looked for
//     again before the subscription is taken for idle.

import type { Clock, Timer } from '@tidemark/ports';
import type { FoldedSession, Located, ShardReplica } from '@tidemark/replica';
import {
  isLinked,
  isMatched,
  type LiveSubscription,
  type PendingStream,
  type SubscriptionConfig,
  type WakeState,
} from '@tidemark/session';
import { type CandidateRoom, Candidates } from './candidates.ts';
import { pendingOf, type TenantStreams } from './tenant-streams.ts';

/** Streams that one wake names; the others are pending for the next. */
export const wakeStreamsMax = 1_000;
/** Streams that are in memory for one look at them. */
const lookUpMax = 256;

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
  readonly #candidates: Candidates;
  #config: SubscriptionConfig | undefined;
  #links: LiveSubscription['links'] | undefined;
  #lease = '';
  #leaseSeenAtMs = 0;
  readonly #session: FoldedSession;
  readonly #letGo: () => void;
  #discovering: Promise<void> | undefined;
  /** There is no room for all that is linked: what is pending is found among all streams. */
  #hasLeftOut = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    id: string,
    parts: {
      readonly streams: TenantStreams;
      readonly replica: ShardReplica;
      readonly session: FoldedSession;
      readonly clock: Clock;
      readonly room: CandidateRoom;
    },
  ) {
    const { streams, replica, session, clock } = parts;
    this.id = id;
    this.streams = streams;
    this.located = streams.locate(session.state.name);
    this.#session = session;
    this.#letGo = replica.follow(session, () => undefined);
    this.#clock = clock;
    this.#candidates = new Candidates(parts.room);
  }

  /** Undefined also where it was deleted here: another takes its place when it is created again. */
  get live(): LiveSubscription | undefined {
    if (this.#isClosed) return undefined;
    const { subscription } = this.#session.state;
    return subscription?.kind === 'live' ? subscription : undefined;
  }

  /** Streams that may have something pending, as far as they are remembered. */
  async candidates(state: LiveSubscription): Promise<ReadonlySet<string>> {
    await this.#discover(state);
    return this.#candidates.names;
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
      this.forgetStreams();
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

  /** Whatever was found is found again when it is next asked for. */
  forgetStreams(): void {
    this.#candidates.clear();
    this.#discovering = undefined;
    this.#hasLeftOut = false;
  }

  /** What was there before anybody told of it. */
  #discover(state: LiveSubscription): Promise<void> {
    const discovering = this.#discovering ?? this.#find(state);
    this.#discovering = discovering;
    discovering.catch(() => {
      if (this.#discovering === discovering) this.#discovering = undefined;
    });
    return discovering;
  }

  /**
   * Of what is pending by this state, nothing is left out: a later one has acknowledged more of it, and
   * what changes meanwhile is told.
   */
  async #find(state: LiveSubscription): Promise<void> {
    const { config } = state;
    if (config.pattern === undefined && !this.#hasLeftOut) {
      this.#addLinked(state);
      return;
    }
    for await (const { name, stream } of this.streams.all()) {
      if (this.#config !== config) return;
      if (pendingOf(state, name, stream) !== undefined) this.#candidates.add(name);
    }
  }

  /** Returns whether any is new that the pattern does not take anyway. */
  #addLinked({ links, config }: LiveSubscription, known?: LiveSubscription['links']): boolean {
    let hasNew = false;
    for (const path of links.keys()) {
      if (known?.has(path) === true) continue;
      this.#candidates.add(path);
      hasNew ||= !isMatched(config, path);
    }
    return hasNew;
  }

  /** Whether what happens to a stream is this subscription's business. */
  minds(name: string): boolean {
    const state = this.live;
    return state !== undefined && (isLinked(state, name) || state.config.wakeStream === name);
  }

  streamChanged(name: string): void {
    const isOwnWake = name === this.#config?.wakeStream && this.#links?.has(name) !== true;
    if (!isOwnWake) this.#candidates.add(name);
  }

  /**
   * What is pending now, as far as one wake names it; undefined where the state has moved on meanwhile,
   * so that it says nothing.
   */
  async pending(state: LiveSubscription): Promise<readonly PendingStream[] | undefined> {
    for (;;) {
      const discovering = this.#discover(state);
      await discovering;
      const found = await this.#pendingAmong([...this.#candidates.names], state);
      if (found === undefined || found.length > 0) return found;
      if (this.#candidates.takeCut()) {
        this.#hasLeftOut = true;
        this.#discovering = undefined;
      } else if (this.#discovering === discovering) return found;
    }
  }

  async #pendingAmong(
    candidates: readonly string[],
    state: LiveSubscription,
  ): Promise<readonly PendingStream[] | undefined> {
    const found: PendingStream[] = [];
    for (let first = 0; first < candidates.length; first += lookUpMax) {
      const names = candidates.slice(first, first + lookUpMax);
      await this.streams.with(names, (streams) => {
        if (this.live !== state) return;
        for (const name of names) {
          if (found.length >= wakeStreamsMax) return;
          const pending = streams.pending(state, name);
          if (pending === undefined) this.#candidates.delete(name);
          else found.push(pending);
        }
      });
      if (found.length >= wakeStreamsMax) break;
    }
    return this.live === state ? found : undefined;
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
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#letGo();
    this.#candidates.clear();
    this.quiet();
  }
}
