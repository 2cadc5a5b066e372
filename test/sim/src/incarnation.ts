// One life of one process: everything of it is production code, on ports that its gate guards.

import {
  type EventLog,
  type LogRecord,
  type Outbound,
  silentMetrics,
  sleep,
} from '@tidemark/ports';
import type {
  SeededPrng,
  SimulatedClock,
  SimulatedLogHandle,
  SimulatedStoreHandle,
} from '@tidemark/ports/testing';
import { defaultTenant, type TenantId } from '@tidemark/protocol';
import { Channels } from '@tidemark/read/live/channels';
import { Fleets } from '@tidemark/read/live/fleet';
import { Relay, Subscriptions } from '@tidemark/relay';
import { Followers, type ShardFold, Shards, SharedPieces, type Tenant } from '@tidemark/replica';
import type { SimulatedPublications } from '@tidemark/replica/testing';
import {
  type DebtSettings,
  type ExpirySettings,
  SessionWrites,
  TenantRegistry,
  type TenantRequest,
  type WriterSettings,
  Writers,
} from '@tidemark/replica/write';
import { SegmentArchive } from '@tidemark/segments';
import { Tiering, type TieringSettings } from '@tidemark/segments/publish';
import type { RelayOfProcess } from './ask-relay.ts';
import type { EventNames } from './follower.ts';
import { Gate } from './gate.ts';
import { ProcessClock, ProcessLog, ProcessLogger } from './process-ports.ts';

export interface IncarnationParts {
  readonly name: string;
  readonly handle: SimulatedLogHandle;
  readonly clock: SimulatedClock;
  readonly prng: SeededPrng;
  readonly memoryBytesMax: number;
  readonly knownLevel: number;
  readonly writer: Partial<WriterSettings>;
  readonly debts: DebtSettings;
  readonly expiries: ExpirySettings;
  readonly partitions: number;
  readonly publications: SimulatedPublications;
  readonly objects: SimulatedStoreHandle;
  /** How it archives; without, it leaves that to others. */
  readonly tiering: TieringSettings | undefined;
  /** Where its relay delivers to; without, it carries none. */
  readonly outbound: ((gate: Gate) => Outbound) | undefined;
  readonly onError: (message: string) => void;
  readonly onBatch: (process: Incarnation, batch: readonly LogRecord[]) => void;
  /** Hears of each fold that is opened. */
  readonly onFold: (fold: ShardFold) => void;
  /** Where a mutant of the log's adapter comes in. */
  readonly wrapLog: (log: EventLog) => EventLog;
}

const startRetryMs = 100;

export const pooledTenant = 'pooled' as TenantId;

export class Incarnation {
  readonly name: string;
  readonly gate = new Gate();
  readonly clock: ProcessClock;
  readonly shards: Shards;
  readonly followers: Followers;
  readonly shared = new SharedPieces<EventNames>({ countMax: 16, bytesMax: 4_000 });
  /** What its live sockets share. */
  readonly live: { readonly channels: Channels; readonly fleets: Fleets };
  readonly writers: Writers;
  readonly writes: SessionWrites;
  readonly registry: TenantRegistry;
  readonly relaying: RelayOfProcess | undefined;
  readonly knownLevel: number;
  readonly tenants: Tenant[] = [];
  isReady = false;
  isClosed = false;
  readonly #parts: IncarnationParts;
  readonly #tiering: Tiering | undefined;

  constructor(parts: IncarnationParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.knownLevel = parts.knownLevel;
    this.clock = new ProcessClock(parts.clock, this.gate);
    const logger = new ProcessLogger((message, { err }) => {
      const cause = err instanceof Error ? (err.stack ?? err.message) : String(err);
      if (!this.gate.isCrashed) parts.onError(`${this.name}: ${message}: ${cause}`);
    });
    const log = parts.wrapLog(
      new ProcessLog(parts.handle, this.gate, (batch) => parts.onBatch(this, batch)),
    );
    const { clock } = this;
    const ports = { log, clock, prng: parts.prng, logger, metrics: silentMetrics };
    const { memoryBytesMax, knownLevel, publications } = parts;
    const archive = new SegmentArchive(parts.objects, { cacheBytesMax: 4_000 });
    const idleMs = 2_000;
    this.shards = new Shards(
      { ...ports, publications, archive },
      { memoryBytesMax, knownLevel, idleMs },
    );
    if (parts.tiering !== undefined) {
      const tieringParts = { ...ports, publications, archive, store: parts.objects };
      this.#tiering = new Tiering(tieringParts, this.shards, parts.tiering);
      this.#tiering.start();
    }
    this.shards.onOpened(({ fold }) => parts.onFold(fold));
    this.followers = new Followers(this.shards.reader, (run) => clock.schedule(0, run));
    this.live = { channels: new Channels(), fleets: new Fleets(this.shards, clock) };
    this.writers = new Writers(ports, parts.writer);
    this.writes = new SessionWrites(this.shards, this.writers, parts);
    this.registry = new TenantRegistry(this.shards, this.writers);
    const outbound = parts.outbound?.(this.gate);
    if (outbound === undefined) return;
    const { shards, writers, writes } = this;
    const prng = parts.prng.fork('relay');
    const relay = new Relay(
      { ...ports, prng, shards, writers, writes, outbound },
      { permitsLoopback: false, candidates: { sharedMax: 2, ownMin: 1 } },
    );
    this.relaying = { relay, subscriptions: new Subscriptions(relay) };
  }

  /** Tries until the log answers, as every process does. What relays ask before is asked again. */
  async start(): Promise<void> {
    this.relaying?.relay.start();
    for (;;) {
      try {
        await this.shards.start();
        await this.registry.found();
        this.tenants.length = 0;
        for (const request of this.#requests()) {
          this.tenants.push((await this.registry.create(request)).tenant);
        }
        this.isReady = true;
        return;
      } catch {
        await sleep(this.clock, startRetryMs);
      }
    }
  }

  #requests(): TenantRequest[] {
    const common = { durability: 'replicated', keyHash: undefined } as const;
    const { partitions } = this.#parts;
    return [
      { ...common, id: defaultTenant, placement: { kind: 'own', partitions } },
      { ...common, id: pooledTenant, placement: { kind: 'pool' } },
    ];
  }

  /** Another connection to the log. */
  reconnect(): void {
    this.#parts.handle.reconnect();
  }

  close(): void {
    this.isClosed = true;
    this.followers.close();
    void this.relaying?.relay[Symbol.asyncDispose]();
    void this.#tiering?.[Symbol.asyncDispose]();
    this.writers.close();
    void this.shards[Symbol.asyncDispose]();
  }

  /** Nothing of it is left behind when a run is over: signals that never fire are never freed. */
  async dispose(): Promise<void> {
    void this.relaying?.relay[Symbol.asyncDispose]();
    void this.#tiering?.[Symbol.asyncDispose]();
    await this.#parts.handle[Symbol.asyncDispose]();
  }

  crash(): void {
    this.gate.crash();
    this.#parts.handle.crash();
    this.#parts.objects.crash();
  }
}
