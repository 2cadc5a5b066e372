// The streams of a tenant, as far as they are folded here: what subscriptions are measured against.

import type { SessionName } from '@tidemark/protocol';
import {
  type Located,
  type ShardReplica,
  type Shards,
  shardsOf,
  type Tenant,
} from '@tidemark/replica';
import {
  ackedPosition,
  isDue,
  isLinked,
  type LiveSubscription,
  type PendingStream,
  type SessionState,
  type StreamState,
} from '@tidemark/session';

/** Where the events of a stream begin that it has not from its source. */
export const beginningOf = ({ origin }: StreamState): number => origin?.position ?? 0;

export const isApplicationStream = (name: string): boolean => !name.startsWith('$');

export class TenantStreams {
  readonly tenant: Tenant;
  readonly #shards: Shards;

  constructor(shards: Shards, tenant: Tenant) {
    this.#shards = shards;
    this.tenant = tenant;
  }

  locate(name: string): Located {
    return this.#shards.locate(this.tenant, name);
  }

  get replicas(): readonly ShardReplica[] {
    return shardsOf(this.tenant).map((shard) => this.#shards.replica(this.tenant, shard));
  }

  /** Folds all shards up to where they end at some moment after this call: one question to the log. */
  async refresh(replicas: Iterable<ShardReplica> = this.replicas): Promise<void> {
    await Promise.all([...replicas].map((replica) => replica.readIndex()));
  }

  stateOf(name: string): SessionState | undefined {
    const { replica, key } = this.locate(name);
    return replica.fold.peek(key)?.state;
  }

  /** What can be read: neither deleted nor expired. */
  stream(name: string): StreamState | undefined {
    const state = this.stateOf(name);
    return state === undefined ? undefined : this.#readable(state);
  }

  #readable(state: SessionState): StreamState | undefined {
    if (state.life !== 'live' || isDue(state, this.#shards.parts.clock.nowMs())) return undefined;
    return state.stream;
  }

  /** Everything that can be read, in no order. */
  *all(): Generator<{ readonly name: SessionName; readonly stream: StreamState }> {
    for (const replica of this.replicas) {
      for (const { state } of replica.fold.sessions()) {
        if (state.tenant !== this.tenant.id || !isApplicationStream(state.name)) continue;
        const stream = this.#readable(state);
        if (stream !== undefined) yield { name: state.name as SessionName, stream };
      }
    }
  }

  /** What a subscription has not acknowledged of a stream; undefined where there is nothing. */
  pending(subscription: LiveSubscription, path: string): PendingStream | undefined {
    const stream = this.stream(path);
    if (stream === undefined || !isLinked(subscription, path)) return undefined;
    const { incarnation, tailPosition: tail } = stream;
    const acked = ackedPosition(subscription, { path, incarnation }) ?? beginningOf(stream);
    return tail > acked ? { path, incarnation, acked, tail } : undefined;
  }
}
