// What happens to a tenant's sessions, told together a few times a second, to whoever wants to know of all
// of them; and once a second, how much it is.
//
// (1) A tenant's shards are read for as long as somebody wants to know.
// (2) Of a session that changes often the last state is told. Of very many that change at once some are, and
//     that there were more: whoever has to know all of them lists them.

import type { Clock, Timer } from '@tidemark/ports';
import { isThreadName } from '@tidemark/protocol';
import type { FoldedSession, ShardReplica, Shards, Tenant } from '@tidemark/replica';
import { shardsOf } from '@tidemark/replica';
import { recordCount, recordValueBytes } from '@tidemark/session';
import { type Fields, liveSessionOf, sessionRow } from '@tidemark/sessions-api';

const tellMs = 200;
const countMs = 1_000;
const changedMax = 500;

export interface FleetChange {
  readonly sessions: readonly Fields[];
  readonly hasMore: boolean;
}

export interface FleetCounts {
  readonly events: number;
  readonly bytes: number;
  readonly sessions: number;
  readonly at_ms: number;
}

export interface FleetListener {
  changed?(change: FleetChange): void;
  counted?(counts: FleetCounts): void;
}

export class Fleets {
  readonly #shards: Shards;
  readonly #clock: Clock;
  readonly #byTenant = new Map<string, Fleet>();

  constructor(shards: Shards, clock: Clock) {
    this.#shards = shards;
    this.#clock = clock;
  }

  /** Listens until the answer is called. */
  listen(tenant: Tenant, listener: FleetListener): () => void {
    const known = this.#byTenant.get(tenant.id);
    const fleet = known ?? new Fleet(this.#shards, tenant, this.#clock);
    this.#byTenant.set(tenant.id, fleet);
    fleet.listeners.add(listener);
    return () => {
      if (!fleet.listeners.delete(listener) || fleet.listeners.size > 0) return;
      this.#byTenant.delete(tenant.id);
      fleet.close();
    };
  }
}

class Fleet {
  readonly listeners = new Set<FleetListener>();
  readonly #tenant: Tenant;
  readonly #clock: Clock;
  readonly #ends: (() => void)[] = [];
  readonly #changed = new Set<FoldedSession>();
  readonly #active = new Set<string>();
  #hasMore = false;
  #events = 0;
  #bytes = 0;
  #telling: Timer | undefined;
  #counting: Timer;

  constructor(shards: Shards, tenant: Tenant, clock: Clock) {
    this.#tenant = tenant;
    this.#clock = clock;
    this.#counting = clock.schedule(countMs, () => this.#count());
    for (const shard of shardsOf(tenant)) this.#listenTo(shards.replica(tenant, shard));
  }

  #listenTo(replica: ShardReplica): void {
    this.#ends.push(
      replica.retain(),
      replica.feed.listen({
        record: ({ session, record, isValid }) => {
          const isOfEvents = record.kind === 'event' || record.kind === 'run';
          if (!isValid || !isOfEvents || !this.#isOurs(session)) return;
          this.#events += recordCount(record);
          this.#bytes += recordValueBytes(record);
          if (this.#active.size < changedMax) this.#active.add(session.state.name);
        },
        step: (changed) => {
          for (const session of changed) if (this.#isOurs(session)) this.#take(session);
        },
      }),
    );
  }

  #isOurs({ state: { tenant, name } }: FoldedSession): boolean {
    return tenant === this.#tenant.id && !name.startsWith('$') && !isThreadName(name);
  }

  #take(session: FoldedSession): void {
    if (this.#changed.size >= changedMax && !this.#changed.has(session)) this.#hasMore = true;
    else this.#changed.add(session);
    this.#telling ??= this.#clock.schedule(tellMs, () => this.#tell());
  }

  #tell(): void {
    this.#telling = undefined;
    const nowMs = this.#clock.nowMs();
    const sessions = [...this.#changed].map(({ state }): Fields => {
      const { name, life, stream } = state;
      if (life !== 'live' || stream?.isJson !== true) return { id: name, deleted: true };
      return sessionRow(liveSessionOf(state, stream, nowMs));
    });
    const change = { sessions, hasMore: this.#hasMore };
    this.#changed.clear();
    this.#hasMore = false;
    for (const listener of this.listeners) listener.changed?.(change);
  }

  #count(): void {
    this.#counting = this.#clock.schedule(countMs, () => this.#count());
    const counts = {
      events: this.#events,
      bytes: this.#bytes,
      sessions: this.#active.size,
      at_ms: this.#clock.nowMs(),
    };
    this.#events = 0;
    this.#bytes = 0;
    this.#active.clear();
    for (const listener of this.listeners) listener.counted?.(counts);
  }

  close(): void {
    this.#telling?.cancel();
    this.#counting.cancel();
    for (const end of this.#ends) end();
  }
}
