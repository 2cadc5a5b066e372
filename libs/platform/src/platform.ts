// What every role of a process shares: the folded shards, the writers, the tenants, the timer wheel.

import {
  type Clock,
  type EventLog,
  isFault,
  type Logger,
  type Metrics,
  type Prng,
  sleep,
} from '@tidemark/ports';
import { defaultTenant, isProblem } from '@tidemark/protocol';
import { type EventArchive, type Publications, Shards, shardsOf } from '@tidemark/replica';
import { SessionWrites, TenantRegistry, Writers } from '@tidemark/replica/write';
import { Alarms } from './alarms.ts';
import type { TenantStores } from './tenant-stores.ts';
import { TimerWheel } from './timer-wheel.ts';
import { WatchedLog } from './watched-log.ts';

export interface PlatformParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where sessions are looked up that are not in memory; without, all of them are. */
  readonly publications?: Publications;
  /** Where events are that the log has let go. */
  readonly archive?: EventArchive;
  /** Where both lie, where tenants may have buckets of their own. */
  readonly stores?: TenantStores | undefined;
  /** This process publishes as well: who would write beyond its memory waits until it has. */
  readonly isPublishing?: boolean;
}

export interface PlatformSettings {
  readonly memoryBytesMax: number;
  /** Everything is the tenant `default`; on loopback only. */
  readonly isKeyless: boolean;
  /** Lower than what the binary knows only where an older one is rehearsed. */
  readonly knownLevel?: number;
}

const retryMs = 500;

export class Platform implements AsyncDisposable {
  readonly parts: PlatformParts;
  readonly alarms: Alarms;
  readonly shards: Shards;
  readonly writers: Writers;
  readonly writes: SessionWrites;
  readonly registry: TenantRegistry;
  readonly wheel: TimerWheel;
  readonly #settings: PlatformSettings;
  readonly #closing = new AbortController();
  #isStarted = false;
  #waitsFor = 'the log';

  constructor(given: PlatformParts, settings: PlatformSettings) {
    this.alarms = new Alarms(given);
    const parts = { ...given, log: new WatchedLog(given.log, this.alarms) };
    this.parts = parts;
    this.#settings = settings;
    const { isPublishing = false } = given;
    this.shards = new Shards(parts, { ...settings, isPublishing });
    this.writers = new Writers(parts);
    this.writes = new SessionWrites(this.shards, this.writers);
    this.registry = new TenantRegistry(this.shards, this.writers);
    this.wheel = new TimerWheel(parts.clock);
    parts.stores?.join({ directory: this.shards.directory, alarms: this.alarms });
  }

  get isKeyless(): boolean {
    return this.#settings.isKeyless;
  }

  /** Tries until the log answers, or the process is told to stop. */
  async start(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#startOnce();
        this.#isStarted = true;
        return;
      } catch (cause) {
        if (!isFault(cause) && !isProblem(cause)) throw cause;
        this.#waitsFor = isFault(cause) ? `the log, reason=${cause.reason}` : cause.message;
        this.parts.logger.warn({ err: cause }, 'cannot start yet');
        await sleep(this.parts.clock, retryMs, this.#closing.signal).catch(() => undefined);
      }
    }
  }

  async #startOnce(): Promise<void> {
    await this.shards.start(this.#closing.signal);
    await this.registry.found();
    if (!this.#settings.isKeyless) return;
    const tenant = await this.registry.ensure({
      id: defaultTenant,
      placement: { kind: 'own', partitions: 1 },
      durability: 'replicated',
      keyHash: undefined,
    });
    // Ready is who can answer: whatever the log holds is folded first.
    const { shards } = this;
    await Promise.all(shardsOf(tenant).map((shard) => shards.replica(tenant, shard).foldAll()));
  }

  /** What keeps the process from serving, by the name of the check. */
  failures(): Record<string, string> {
    const failures = this.alarms.failures();
    if (!this.#isStarted) failures['started'] = `waits for ${this.#waitsFor}`;
    for (const [shard, stopped] of this.shards.stopped) {
      failures[`shard ${shard}`] = `${stopped.reason}: ${stopped.advice}`;
    }
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.writers.close();
    this.wheel.close();
    await this.shards[Symbol.asyncDispose]();
  }
}
