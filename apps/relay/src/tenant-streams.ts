// The streams of a tenant, as far as they are folded here: what subscriptions are measured against.

import type { SessionName } from '@tidemark/protocol';
import {
  type FoldedSession,
  keyOf,
  type Located,
  type ShardReplica,
  type Shards,
  shardsOf,
  spaceOf,
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

/** Some streams as they are now. Those that were not asked for are not there. */
export class StreamsNow {
  readonly #states: ReadonlyMap<string, SessionState>;
  readonly #nowMs: number;

  constructor(states: ReadonlyMap<string, SessionState>, nowMs: number) {
    this.#states = states;
    this.#nowMs = nowMs;
  }

  /** What can be read: neither deleted nor expired. */
  stream(name: string): StreamState | undefined {
    const state = this.#states.get(name);
    return state === undefined ? undefined : readable(state, this.#nowMs);
  }

  /** What a subscription has not acknowledged of a stream; undefined where there is nothing. */
  pending(subscription: LiveSubscription, path: string): PendingStream | undefined {
    const stream = this.stream(path);
    return stream === undefined ? undefined : pendingOf(subscription, path, stream);
  }
}

export function pendingOf(
  subscription: LiveSubscription,
  path: string,
  stream: StreamState,
): PendingStream | undefined {
  if (!isLinked(subscription, path)) return undefined;
  const { incarnation, tailPosition: tail } = stream;
  const acked = ackedPosition(subscription, { path, incarnation }) ?? beginningOf(stream);
  return tail > acked ? { path, incarnation, acked, tail } : undefined;
}

function readable(state: SessionState, nowMs: number): StreamState | undefined {
  return state.life !== 'live' || isDue(state, nowMs) ? undefined : state.stream;
}

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

  /** Runs with the streams of these names as they are now, all of them in memory meanwhile. */
  async with<T>(names: Iterable<string>, run: (streams: StreamsNow) => T): Promise<T> {
    const keys = new Map<ShardReplica, string[]>();
    for (const name of new Set(names)) {
      const { replica, key } = this.locate(name);
      const known = keys.get(replica);
      if (known === undefined) keys.set(replica, [key]);
      else known.push(key);
    }
    const held: { readonly replica: ShardReplica; readonly session: FoldedSession }[] = [];
    try {
      for (const [replica, wanted] of keys) {
        for (const session of await replica.hold(wanted)) held.push({ replica, session });
      }
      const states = new Map(held.map(({ session: { state } }) => [state.name, state]));
      return run(new StreamsNow(states, this.#shards.parts.clock.nowMs()));
    } finally {
      for (const { replica, session } of held) replica.letGo(session);
    }
  }

  /** Everything that can be read, in no order. */
  async *all(): AsyncGenerator<{ readonly name: SessionName; readonly stream: StreamState }> {
    for await (const state of this.#scan('')) {
      if (!isApplicationStream(state.name)) continue;
      const stream = readable(state, this.#shards.parts.clock.nowMs());
      if (stream !== undefined) yield { name: state.name as SessionName, stream };
    }
  }

  /** Names of reserved sessions that begin with a prefix. */
  async *reserved(prefix: string): AsyncGenerator<string> {
    for await (const { name } of this.#scan(prefix)) yield name;
  }

  async *#scan(prefix: string): AsyncGenerator<SessionState> {
    const keyPrefix = keyOf(spaceOf(this.tenant), this.tenant.id, prefix);
    for (const replica of this.replicas) yield* replica.scan(keyPrefix);
  }
}
