// A tenant's events, wherever they lie, as one index.

import { type Clock, sleep, type Timer } from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import { type ShardReplica, type Shards, shardsOf, type Tenant } from '@tidemark/replica';
import {
  type EventLoader,
  type GroupedAnswer,
  nameOfSession,
  type Removals,
  type SearchAnswer,
  type SearchPlace,
  type SearchRequest,
  type SearchSources,
  type SearchTable,
  SearchTableReader,
  type SearchTail,
  search,
  searchSessions,
  sessionKey,
} from '@tidemark/search';
import type { TableStore } from '@tidemark/tables';
import { ReplicaTail } from './replica-tail.ts';
import { indexIn, tenantIn } from './session-index.ts';

export interface SessionSearchParts {
  readonly shards: Shards;
  readonly tables: TableStore;
  readonly clock: Clock;
}

/** Somebody waits for the answer: others have their turn, and no more time goes by than they take. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Of an event that is there no more. */
const absences: ReadonlySet<string> = new Set(['session-not-found', 'behind-head']);

export interface SessionSearchSettings {
  /** For the tail of one tenant in one shard. */
  readonly tailBytesMax: number;
  /** For documents and lists of search tables. */
  readonly decodedBytesMax: number;
  /** How long a tail stays that nobody has asked. */
  readonly idleMs: number;
}

export const sessionSearchDefaults: SessionSearchSettings = {
  tailBytesMax: 64 * 1_024 * 1_024,
  decodedBytesMax: 64 * 1_024 * 1_024,
  idleMs: 600_000,
};

interface KnownTail {
  readonly tail: ReplicaTail;
  idling: Timer | undefined;
}

export class SessionSearch {
  readonly #parts: SessionSearchParts;
  readonly #settings: SessionSearchSettings;
  readonly #reader: SearchTableReader;
  readonly #tails = new Map<ShardReplica, Map<string, KnownTail>>();

  constructor(parts: SessionSearchParts, settings = sessionSearchDefaults) {
    this.#parts = parts;
    this.#settings = settings;
    this.#reader = new SearchTableReader(parts.tables, settings);
  }

  /** What the tails take in memory. */
  get tailBytes(): number {
    let bytes = 0;
    for (const tails of this.#tails.values()) {
      for (const { tail } of tails.values()) bytes += tail.tail.bytes;
    }
    return bytes;
  }

  /** What is kept of search tables, decoded. */
  get decodedBytes(): number {
    return this.#reader.decodedBytes;
  }

  /** Whatever was acknowledged before this was asked is looked for. */
  async search(tenant: Tenant, request: SearchRequest, signal: AbortSignal): Promise<SearchAnswer> {
    return search(await this.#sources(tenant), request, signal);
  }

  async searchSessions(
    tenant: Tenant,
    request: SearchRequest,
    signal: AbortSignal,
  ): Promise<GroupedAnswer> {
    return searchSessions(await this.#sources(tenant), request, signal);
  }

  async #sources(tenant: Tenant): Promise<SearchSources> {
    const { shards } = this.#parts;
    const replicas = shardsOf(tenant).map((shard) => shards.replica(tenant, shard));
    const tails = replicas.map((replica) => this.#tailOf(replica, tenant));
    await Promise.all(
      replicas.map(async (replica, index) => {
        await replica.readIndex();
        await tails[index]?.update();
      }),
    );
    // From here on nothing is awaited before the tails are taken: what is published meanwhile is dropped first.
    const tables: SearchTable[] = [];
    const removals = new Map<string, number>();
    for (const [index, replica] of replicas.entries()) {
      tails[index]?.reconcile();
      const { table } = replica.fold;
      const known = tenantIn(indexIn(table.published?.index?.value), tenant.id);
      tables.push(...known.tables);
      for (const name of known.removed) removals.set(name, Number.POSITIVE_INFINITY);
      for (const session of table.dirty()) {
        const { indexed, state, key } = session;
        if (indexed === undefined || indexed.incarnation === state.stream?.incarnation) continue;
        removals.set(sessionKey(key, indexed.incarnation), Number.POSITIVE_INFINITY);
      }
    }
    const load = this.#loader(tenant);
    return {
      reader: this.#reader,
      tables,
      tail: joined(tails),
      removals: removals as Removals,
      rest: nextTurn,
      load,
    };
  }

  #tailOf(replica: ShardReplica, tenant: Tenant): ReplicaTail {
    const { shards, clock } = this.#parts;
    const tails = this.#tails.get(replica) ?? new Map<string, KnownTail>();
    this.#tails.set(replica, tails);
    const known = tails.get(tenant.id) ?? {
      tail: new ReplicaTail({
        replica,
        tenant: tenant.id,
        reader: shards.reader,
        bytesMax: this.#settings.tailBytesMax,
        rest: () => this.#rest(),
      }),
      idling: undefined,
    };
    tails.set(tenant.id, known);
    known.idling?.cancel();
    known.idling = clock.schedule(this.#settings.idleMs, () => {
      known.tail.close();
      tails.delete(tenant.id);
    });
    return known.tail;
  }

  #rest(): Promise<void> {
    return sleep(this.#parts.clock, 0);
  }

  #loader(tenant: Tenant): EventLoader {
    return (places) => Promise.all(places.map((place) => this.#bodyAt(tenant, place)));
  }

  /** Undefined where it is not there any more. */
  async #bodyAt(
    tenant: Tenant,
    { session: name, seq }: SearchPlace,
  ): Promise<Uint8Array | undefined> {
    const { shards } = this.#parts;
    const key = nameOfSession(name);
    const { replica } = shards.locate(tenant, sessionNameIn(tenant, key));
    return replica.with(key, async (session) => {
      const { stream } = session.state;
      if (stream === undefined || sessionKey(key, stream.incarnation) !== name) return undefined;
      try {
        const bounds = { position: seq, bytesMax: 0, eventsMax: 1 };
        return (await shards.reader.read({ replica, session }, bounds)).split()[0];
      } catch (cause) {
        const isGone = isProblem(cause) && absences.has(cause.code);
        if (isGone) return undefined;
        throw cause;
      }
    });
  }

  close(): void {
    for (const tails of this.#tails.values()) {
      for (const { tail, idling } of tails.values()) {
        idling?.cancel();
        tail.close();
      }
    }
    this.#tails.clear();
  }
}

const joined = (tails: readonly ReplicaTail[]): Pick<SearchTail, 'segments' | 'missed'> => ({
  segments: (need) => tails.flatMap(({ tail }) => tail.segments(need)),
  missed: tails.reduce((missed, { tail }) => missed + tail.missed, 0),
});

/** In a pooled shard keys begin with their tenant. */
export const sessionNameIn = ({ isPooled, id }: Tenant, key: string): string =>
  isPooled ? key.slice(id.length + 1) : key;
