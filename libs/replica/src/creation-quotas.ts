// How many sessions each tenant may make, by this process: so many an hour, and so many at once.

import { TokenBucket } from '@tidemark/auth';
import type { Clock } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import type { Tenant } from './tenants.ts';

interface Bucket {
  readonly perHour: number;
  readonly tokens: TokenBucket;
}

/** Tenants that were not seen for long make room: a new bucket is a full one. */
const tenantsMax = 10_000;
const secondsAnHour = 3_600;

export class CreationQuotas {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The Problem of one that would make another session now. */
  refusalOf(tenant: Tenant): Problem | undefined {
    const retryAfterMs = this.#of(tenant)?.waitMs(this.#clock.monotonicMs(), 1) ?? 0;
    if (retryAfterMs === 0) return undefined;
    const detail = 'the tenant makes sessions faster than its quota';
    return new Problem('rate-limited', detail, { facts: { retryAfterMs } });
  }

  count(tenant: Tenant): void {
    this.#of(tenant)?.take(1, this.#clock.monotonicMs());
  }

  #of({ id, quotas }: Tenant): TokenBucket | undefined {
    const { sessionsPerHour: perHour } = quotas;
    if (perHour === undefined) return undefined;
    const known = this.#buckets.get(id);
    if (known?.perHour === perHour) return known.tokens;
    const perSecond = Math.max(1, perHour) / secondsAnHour;
    const tokens = new TokenBucket(perSecond, this.#clock.monotonicMs(), perHour);
    if (this.#buckets.size >= tenantsMax) this.#buckets.clear();
    this.#buckets.set(id, { perHour, tokens });
    return tokens;
  }
}
