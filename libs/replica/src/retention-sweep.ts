// Lets go of what tenants have asked to be let go.
//
// (1) Only of tenants that have a policy, be it an empty one: then each session's own counts.
// (2) The fold alone takes away: of several processes that sweep, one record stands.
// (3) A sweep looks at each session's state, and reads no event.

import { type Counter, sleep } from '@tidemark/ports';
import { hasCode, isProblem } from '@tidemark/protocol';
import { decideTrim, type RetentionPolicy } from '@tidemark/session';
import { mayLetGo, planRetention, type RetentionPlan } from './retention-plan.ts';
import type { SessionWrites } from './session-writes.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Shards } from './shards.ts';
import { shardsOf, type Tenant } from './tenants.ts';

/** Between two sessions that are looked at, others have their turn once in so many. */
const stepSessions = 256;
const actor = { by: 'retention', requestId: 'retention' };

export interface PlannedSession {
  readonly name: string;
  readonly plan: RetentionPlan;
}

interface PlanOptions {
  /** In place of what the tenant has; without, each session's own counts. */
  readonly policy?: RetentionPolicy | undefined;
}

export class RetentionSweep {
  readonly #shards: Shards;
  readonly #writes: SessionWrites;
  readonly #trimmed: Counter;
  readonly #deleted: Counter;

  constructor(shards: Shards, writes: SessionWrites) {
    this.#shards = shards;
    this.#writes = writes;
    const counter = (name: string, help: string): Counter =>
      shards.parts.metrics.counter({ name: `tidemark_writer_retention_${name}_total`, help });
    this.#trimmed = counter('trims', 'sessions whose head was moved by a policy');
    this.#deleted = counter('deletes', 'sessions that were deleted by a policy');
  }

  /** Each process in a rhythm of its own, so that they seldom try at once. */
  start(everyMs: number): void {
    const { clock, logger } = this.#shards.parts;
    this.#shards.spawn('let go of what policies say', async (signal) => {
      while (!signal.aborted) {
        await sleep(clock, everyMs, signal);
        try {
          await this.sweep();
        } catch (cause) {
          if (!isProblem(cause)) throw cause;
          logger.warn({ err: cause }, 'policies of retention wait');
        }
      }
    });
  }

  async sweep(): Promise<void> {
    for (const tenant of this.#shards.directory.all) {
      if (tenant.retention === undefined || tenant.isSuspended) continue;
      for await (const { name, plan } of this.plan(tenant))
        await this.#carryOut(tenant, name, plan);
    }
  }

  /** What a policy would let go now. */
  async *plan(tenant: Tenant, options: PlanOptions = {}): AsyncGenerator<PlannedSession> {
    let seen = 0;
    const { clock } = this.#shards.parts;
    for (const shard of shardsOf(tenant)) {
      const replica = this.#shards.replica(tenant, shard);
      await replica.readIndex();
      for await (const state of replica.scan(tenant.isPooled ? `${tenant.id}/` : '')) {
        seen += 1;
        if (seen % stepSessions === 0) await sleep(clock, 0);
        const own = state.stream?.aspects.keeping.policy;
        const policy = options.policy ?? own ?? tenant.retention ?? {};
        if (state.name.startsWith('$') || !mayLetGo(state, policy)) continue;
        const plan = await this.#planOne(replica, { tenant, name: state.name, policy });
        if (plan.kind !== 'keep') yield { name: state.name, plan };
      }
    }
  }

  #planOne(
    replica: ShardReplica,
    { tenant, name, policy }: { tenant: Tenant; name: string; policy: RetentionPolicy },
  ): Promise<RetentionPlan> {
    const { key } = this.#shards.locate(tenant, name);
    const nowMs = this.#shards.parts.clock.nowMs();
    return replica.with(key, ({ state, events }) =>
      planRetention({ state, events, policy, nowMs }),
    );
  }

  async #carryOut(tenant: Tenant, name: string, plan: RetentionPlan): Promise<void> {
    try {
      if (plan.kind === 'trim') {
        const decide = decideTrim(plan.head, actor);
        await this.#writes.submit(tenant, name, { kind: 'fact', decide });
        this.#trimmed.add(1);
      } else if (plan.kind === 'delete') {
        await this.#writes.delete(tenant, name);
        this.#deleted.add(1);
      }
    } catch (cause) {
      // It is over, held, or has a fork since it was looked at.
      const isPassed = isProblem(cause) && passed.some((code) => hasCode(cause, code));
      if (!isPassed) throw cause;
    }
  }
}

const passed = ['session-not-found', 'session-gone', 'session-held', 'invalid-request'] as const;
