// Follows every shard of every tenant and delivers outward what their subscriptions ask for. Usable
// without HTTP: a simulation enters here.

import type { WebhookRules } from '@tidemark/platform';
import {
  type Clock,
  type Logger,
  type Metrics,
  type Outbound,
  type Prng,
  sleep,
} from '@tidemark/ports';
import { isProblem, type TenantId } from '@tidemark/protocol';
import type { FoldedSession, ShardReplica, Shards, Tenant } from '@tidemark/replica';
import type { SessionWrites, Writers } from '@tidemark/replica/write';
import { createTasks, type Secret, type Tasks } from '@tidemark/std';
import { type CandidateBounds, candidateDefaults } from './candidates.ts';
import { Delivery } from './delivery.ts';
import { Outboxes } from './outbox/outboxes.ts';
import { type KeyRing, openKeyRing } from './relay-keys.ts';
import { TenantStreams } from './tenant-streams.ts';
import { TenantSubscriptions } from './tenant-subscriptions.ts';
import { TurnSweeps } from './turn-sweeps.ts';

export interface RelayParts {
  readonly shards: Shards;
  readonly writers: Writers;
  readonly writes: SessionWrites;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly outbound: Outbound;
}

export interface RelayOptions extends WebhookRules {
  /** What the keys are derived from; they are minted and kept in the control log where there is none. */
  readonly signingSecret?: Secret | undefined;
  readonly candidates?: CandidateBounds;
  /** Without, nothing that is sealed is opened: what has a secret is not delivered. */
  readonly openSecret?: (sealed: string, purpose: string) => string | undefined;
}

const againMs = 500;

/** A tenant that is followed, and what ends it. */
interface Followed {
  readonly subscriptions: TenantSubscriptions;
  readonly release: () => void;
}

export class Relay implements AsyncDisposable {
  readonly parts: RelayParts;
  readonly rules: WebhookRules;
  readonly delivery: Delivery;
  readonly #outboxes: Outboxes;
  readonly #sweeps: TurnSweeps;
  readonly #options: RelayOptions;
  readonly #tasks: Tasks;
  readonly #tenants = new Map<string, Followed>();
  readonly #suspended = new Set<TenantId>();
  readonly #unwatch: (() => void)[] = [];
  #keys: Promise<KeyRing> | undefined;
  #isClosed = false;

  constructor(parts: RelayParts, options: RelayOptions) {
    this.parts = parts;
    this.rules = { permitsLoopback: options.permitsLoopback };
    this.#options = options;
    this.#tasks = createTasks((task, cause) => {
      parts.logger.error({ task, err: cause }, 'task crashed');
    });
    const keys = (): Promise<KeyRing> => this.keys();
    this.delivery = new Delivery({ ...parts, tasks: this.#tasks, rules: this.rules, keys });
    this.#sweeps = new TurnSweeps({ ...parts, tasks: this.#tasks });
    this.#outboxes = new Outboxes({
      ...parts,
      tasks: this.#tasks,
      rules: this.rules,
      openSecret: options.openSecret ?? (() => undefined),
      processId: this.delivery.processId,
    });
    parts.metrics.observedGauge(
      {
        name: 'tidemark_relay_candidate_streams',
        help: 'streams of which subscriptions may have something pending, as far as they are remembered',
      },
      () => this.#candidateCount(),
    );
    parts.shards.onOpened((replica) => this.#watch(replica));
  }

  #candidateCount(): number {
    let count = 0;
    for (const { subscriptions } of this.#tenants.values()) count += subscriptions.candidateCount;
    return count;
  }

  /** Goes on once the directory can be read; follows each tenant from then on. */
  start(): void {
    this.#tasks.spawn('follow the directory', async (signal) => {
      await this.#untilDone(() => this.#followTenants(), signal);
      const follow = (): void => {
        this.#tasks.spawn('follow new tenants', (ended) =>
          this.#untilDone(() => this.#followTenants(), ended),
        );
      };
      this.#unwatch.push(this.parts.shards.onDirectory(follow));
    });
  }

  /** The tenant's subscriptions, all of its shards folded to where they end after this call. */
  async subscriptionsOf(tenant: Tenant): Promise<TenantSubscriptions> {
    const { subscriptions } = this.#follow(tenant);
    await subscriptions.streams.refresh();
    await subscriptions.follow();
    return subscriptions;
  }

  /** Opened when first needed, and again where that failed. */
  keys(): Promise<KeyRing> {
    this.#keys ??= openKeyRing(this.parts, this.#options.signingSecret).catch((cause: unknown) => {
      this.#keys = undefined;
      throw cause;
    });
    return this.#keys;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const unwatch of this.#unwatch) unwatch();
    for (const { subscriptions, release } of this.#tenants.values()) {
      subscriptions.close();
      release();
    }
    this.#outboxes.close();
    this.#sweeps.close();
    await this.#tasks[Symbol.asyncDispose]();
  }

  #watch(replica: ShardReplica): void {
    if (this.#isClosed) return;
    const step = (changed: ReadonlySet<FoldedSession>): void => {
      for (const session of changed) {
        this.#tenants.get(session.state.tenant)?.subscriptions.changed(replica, session);
        this.#outboxes.changed(session);
        this.#sweeps.changed(session);
      }
    };
    const begun = (): void => {
      this.#tasks.spawn('follow a shard anew', (signal) =>
        this.#untilDone(() => this.#followAnew(replica), signal),
      );
    };
    this.#unwatch.push(replica.feed.listen({ step, begun }));
  }

  async #followAnew({ shard }: ShardReplica): Promise<void> {
    for (const { subscriptions } of this.#tenants.values()) {
      const isHere = subscriptions.streams.replicas.some((replica) => replica.shard === shard);
      if (!isHere) continue;
      await subscriptions.begunAnew();
      await this.#followRuns(subscriptions.streams.tenant);
    }
  }

  async #followRuns(tenant: Tenant): Promise<void> {
    await this.#outboxes.follow(tenant);
    await this.#sweeps.follow(tenant);
  }

  async #followTenants(): Promise<void> {
    const directory = await this.parts.shards.currentDirectory();
    for (const tenant of directory.all) {
      const { subscriptions } = this.#follow(tenant);
      if (tenant.isSuspended) this.#suspended.add(tenant.id);
      else if (this.#suspended.has(tenant.id)) await this.#goOn(tenant, subscriptions);
    }
  }

  /** What was due while the tenant was suspended was looked at, and left. */
  async #goOn(tenant: Tenant, subscriptions: TenantSubscriptions): Promise<void> {
    subscriptions.wakeAll();
    await this.#outboxes.follow(tenant);
    this.#suspended.delete(tenant.id);
  }

  #follow(tenant: Tenant): Followed {
    const known = this.#tenants.get(tenant.id);
    if (known !== undefined) return known;
    const { shards, clock } = this.parts;
    const streams = new TenantStreams(shards, tenant);
    const subscriptions = new TenantSubscriptions({
      streams,
      clock,
      candidates: this.#options.candidates ?? candidateDefaults,
      wake: (subscription) => this.delivery.poke(subscription),
    });
    const releases = streams.replicas.map((replica) => replica.retain());
    this.#tasks.spawn('fold the shards of a tenant', async (signal) => {
      // A shard that waits for its operator holds up nothing but itself.
      const isServing = ({ stopped }: ShardReplica): boolean => stopped === undefined;
      await this.#untilDone(async () => {
        await streams.refresh(streams.replicas.filter(isServing));
        await subscriptions.follow();
        await this.#followRuns(tenant);
      }, signal);
    });
    const release = (): void => releases.forEach((end) => end());
    const followed = { subscriptions, release };
    this.#tenants.set(tenant.id, followed);
    return followed;
  }

  /** Again while the log does not answer. */
  async #untilDone(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await run();
      } catch (cause) {
        if (!isProblem(cause)) throw cause;
        if (failures === 1) this.parts.logger.warn({ err: cause }, 'cannot follow yet');
        await sleep(this.parts.clock, againMs, signal);
      }
    }
  }
}
