// How fast each tenant may write: appends and bytes a second, by this process. A tenant that has no quota
// costs nothing here.

import { TokenBucket } from '@tidemark/auth';
import type { Clock } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import type { FastifyRequest } from 'fastify';

interface Buckets {
  readonly quotas: Tenant['quotas'];
  readonly appends: TokenBucket | undefined;
  readonly bytes: TokenBucket | undefined;
}

/** Tenants that were not seen for long make room: a new bucket is a full one. */
const tenantsMax = 10_000;

export class WriteQuotas {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Buckets>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes what a write costs; the Problem where its tenant has to wait, and for how long. */
  refusalOf(tenant: Tenant | undefined, request: FastifyRequest): Problem | undefined {
    const { headers, method } = request;
    if (tenant === undefined || method === 'GET' || method === 'HEAD') return undefined;
    const { id, quotas } = tenant;
    const { appendsPerSecond, bytesPerSecond } = quotas;
    if (appendsPerSecond === undefined && bytesPerSecond === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    const { appends, bytes } = this.#of(id, quotas, nowMs);
    const retryAfterMs = Math.max(appends?.waitMs(nowMs) ?? 0, bytes?.waitMs(nowMs) ?? 0);
    if (retryAfterMs > 0) {
      const detail = 'the tenant writes faster than its quota';
      return new Problem('rate-limited', detail, { facts: { retryAfterMs } });
    }
    appends?.take(1, nowMs);
    // A body whose length is not announced is counted as the largest that there may be.
    bytes?.take(Number(headers['content-length'] ?? limits.bodyBytesMax), nowMs);
    return undefined;
  }

  #of(id: string, quotas: Tenant['quotas'], nowMs: number): Buckets {
    const known = this.#buckets.get(id);
    if (known?.quotas === quotas) return known;
    const { appendsPerSecond, bytesPerSecond } = quotas;
    const bucketOf = (perSecond: number | undefined): TokenBucket | undefined =>
      perSecond === undefined ? undefined : new TokenBucket(Math.max(1, perSecond), nowMs);
    const buckets = {
      quotas,
      appends: bucketOf(appendsPerSecond),
      bytes: bucketOf(bytesPerSecond),
    };
    if (this.#buckets.size >= tenantsMax) this.#buckets.clear();
    this.#buckets.set(id, buckets);
    return buckets;
  }
}
