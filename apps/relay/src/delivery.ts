// Carries subscriptions from one state to the next, each as far as it can go now. All is decided
// in the fold: this only tries, at the right time.
//
// (1) The process whose record stood acts on it: it delivers the attempt that the state names as its.
//     Nobody else does, ever; others take over by a record of their own.
// (2) They may try once their own clock has run the lease's length since they folded its last record.
// (3) Whoever acted last goes first; the others stand in a moment later. That saves void records,
//     and nothing depends on it.
//
// idle, pending           -> woken                   #wake
// woken, pull-wake        -> an event in the wake stream   #announce
// woken here, webhook     -> delivered               #deliver -> acked | delivery-failed | (its lease)
// failed, due             -> retried                 #retry
// its lease is over       -> lease-expired           #watchLease

import type { WebhookRules } from '@tidemark/platform';
import type { Clock, Counter, Logger, Metrics, Outbound, Prng } from '@tidemark/ports';
import { isProblem, type SessionName } from '@tidemark/protocol';
import type { Shards } from '@tidemark/replica';
import type { SessionWrites } from '@tidemark/replica/write';
import {
  decideExpireLease,
  decideFailDelivery,
  decideFinish,
  decideRetry,
  decideWake,
  type FactDecision,
  hasLease,
  isJsonType,
  type LiveSubscription,
  type PendingStream,
  type WakeState,
} from '@tidemark/session';
import { bytesOf, type Tasks } from '@tidemark/std';
import { DeliverySlots } from './delivery-slots.ts';
import { factBytes } from './fact-bytes.ts';
import type { FollowedSubscription } from './followed-subscription.ts';
import type { KeyRing } from './relay-keys.ts';
import { deliverWebhook, retryAfterMs, retryAfterMsMax } from './webhook.ts';

export interface DeliveryParts {
  readonly shards: Shards;
  readonly writes: SessionWrites;
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tasks: Tasks;
  readonly rules: WebhookRules;
  readonly keys: () => Promise<KeyRing>;
}

/** How long others wait for the process that acted last. */
const standInMs = 1_000;
/** After something that passes, such as a log that does not answer. */
const againMs = 1_000;

interface DeliveryCounters {
  readonly wakes: Counter;
  readonly deliveries: Counter;
  readonly expiries: Counter;
}

function countersOf(metrics: Metrics): DeliveryCounters {
  const counter = (name: string, help: string, labels: readonly string[] = []): Counter =>
    metrics.counter({ name: `tidemark_relay_${name}_total`, help, labels });
  return {
    wakes: counter('wakes', 'wakes that this process issued'),
    deliveries: counter('deliveries', 'webhooks by what became of them', ['outcome']),
    expiries: counter('lease_expiries', 'leases that this process saw run out'),
  };
}

export class Delivery {
  /** Names this process in the log, for as long as it lives. */
  readonly processId: string;
  readonly #parts: DeliveryParts;
  readonly #counters: DeliveryCounters;
  readonly #slots = new DeliverySlots();
  /** Those that a step is under way for, and whether another has to follow. */
  readonly #stepping = new Map<FollowedSubscription, boolean>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#counters = countersOf(parts.metrics);
    this.processId = parts.prng.hex(8);
    parts.metrics.observedGauge(
      { name: 'tidemark_relay_deliveries_under_way', help: 'webhooks that wait for an answer' },
      () => this.#slots.count,
    );
  }

  /** Something may be to do. */
  poke(subscription: FollowedSubscription): void {
    if (this.#stepping.has(subscription)) {
      this.#stepping.set(subscription, true);
      return;
    }
    this.#stepping.set(subscription, false);
    this.#parts.tasks.spawn('step of a subscription', () => this.#run(subscription));
  }

  async #run(subscription: FollowedSubscription): Promise<void> {
    try {
      await this.#step(subscription);
    } catch (cause) {
      if (!isProblem(cause)) throw cause;
      this.#parts.logger.warn({ err: cause }, 'a subscription waits');
      this.#later(subscription, againMs);
    } finally {
      const isAgain = this.#stepping.get(subscription) === true;
      this.#stepping.delete(subscription);
      if (isAgain) this.poke(subscription);
      const waiting = this.#slots.next();
      if (waiting !== undefined) this.poke(waiting);
    }
  }

  async #step(subscription: FollowedSubscription): Promise<void> {
    subscription.quiet();
    const state = subscription.live;
    if (state === undefined || this.#isSuspended(subscription)) return;
    const { wake, config } = state;
    if (wake === undefined) return this.#wake(subscription, state);
    if (wake.nextAttemptAtMs !== undefined) return this.#retry(subscription, wake);
    if (!hasLease(state)) return this.#announce(subscription, state, wake);
    const attempt = `${wake.generation}/${wake.attempt}`;
    const isOurs = config.kind === 'webhook' && wake.by === this.processId;
    if (isOurs && subscription.delivered !== attempt) {
      this.#deliver(subscription, state, wake);
      return;
    }
    if (subscription.delivering !== attempt) await this.#watchLease(subscription, state, wake);
  }

  /** Nothing goes out; the relay pokes its subscriptions when it is resumed. */
  #isSuspended({ streams }: FollowedSubscription): boolean {
    return this.#parts.shards.directory.isSuspended(streams.tenant.id);
  }

  #later(subscription: FollowedSubscription, delayMs: number): void {
    subscription.later(delayMs, () => this.poke(subscription));
  }

  /** True where there is still some time to pass; the subscription is looked at again behind it. */
  #isEarly(subscription: FollowedSubscription, restMs: number): boolean {
    // Whole milliseconds: what is left of a sum of fractions may be too little to pass.
    if (restMs > 0) this.#later(subscription, Math.ceil(restMs));
    return restMs > 0;
  }

  #headStartMs(by: string): number {
    return by === this.processId ? 0 : standInMs;
  }

  #hasRoom(subscription: FollowedSubscription, state: LiveSubscription): boolean {
    if (state.config.kind !== 'webhook' || this.#slots.hasRoom(subscription)) return true;
    this.#slots.wait(subscription);
    return false;
  }

  /** `named` are the streams that the fact names. */
  async #submit(
    subscription: FollowedSubscription,
    decide: FactDecision,
    named: readonly PendingStream[] = [],
  ): Promise<void> {
    const { tenant, name } = subscription.located;
    const bytes = factBytes(named);
    await this.#parts.writes.submit(tenant, name, { kind: 'fact', decide, bytes });
  }

  async #wake(subscription: FollowedSubscription, known: LiveSubscription): Promise<void> {
    let streams = await subscription.pending(known);
    let state: LiveSubscription | undefined = known;
    if (streams !== undefined && (await subscription.refreshRenewed(known, streams))) {
      state = subscription.live;
      if (state === undefined || state.wake !== undefined) return;
      streams = await subscription.pending(state);
    }
    // A state that has moved on has been told of, and is looked at next.
    if (streams === undefined || streams.length === 0) return;
    const nowMs = this.#parts.clock.monotonicMs();
    subscription.pendingSinceMs ??= nowMs;
    const dueMs = subscription.pendingSinceMs + this.#headStartMs(state.by);
    if (this.#isEarly(subscription, dueMs - nowMs)) return;
    if (!this.#hasRoom(subscription, state)) return;
    const wakeId = `w_${this.#parts.prng.hex(16)}`;
    const decide = decideWake({ wakeId, by: this.processId, streams });
    await this.#submit(subscription, decide, streams);
    if (subscription.live?.wake?.wakeId === wakeId) this.#counters.wakes.add(1);
  }

  async #retry(subscription: FollowedSubscription, wake: WakeState): Promise<void> {
    const { clock } = this.#parts;
    // A wall clock that jumped must not put off an attempt for longer than any wait is.
    const agedMs = retryAfterMsMax - subscription.leaseAgeMs(wake);
    const restMs = Math.min((wake.nextAttemptAtMs ?? 0) - clock.nowMs(), agedMs);
    if (this.#isEarly(subscription, restMs + this.#headStartMs(wake.by))) return;
    const state = subscription.live;
    if (state === undefined || !this.#hasRoom(subscription, state)) return;
    await this.#submit(subscription, decideRetry(wake, this.processId));
  }

  async #watchLease(
    subscription: FollowedSubscription,
    { config }: LiveSubscription,
    wake: WakeState,
  ): Promise<void> {
    const lengthMs = config.leaseMs + this.#headStartMs(wake.by);
    if (this.#isEarly(subscription, lengthMs - subscription.leaseAgeMs(wake))) return;
    this.#counters.expiries.add(1);
    await this.#submit(subscription, decideExpireLease(wake, this.processId));
  }

  /** Rule 8, an outbox: whoever folds the wake makes sure of its event, which is appended once. */
  async #announce(
    subscription: FollowedSubscription,
    { config }: LiveSubscription,
    wake: WakeState,
  ): Promise<void> {
    const name = config.wakeStream ?? '';
    const contentType = await subscription.streams.with([name], (streams) => {
      const stream = streams.stream(name);
      const isDone = stream?.isClosed === true || stream?.eventIds.get(wake.wakeId) !== undefined;
      return isDone ? undefined : stream?.contentType;
    });
    if (contentType === undefined) return;
    const restMs = this.#headStartMs(wake.by) - subscription.leaseAgeMs(wake);
    if (this.#isEarly(subscription, restMs)) return;
    const { generation, wokenAtMs: ts, streams, wakeId } = wake;
    const event = JSON.stringify({
      type: 'wake',
      subscription_id: subscription.id,
      stream: streams[0]?.path,
      generation,
      ts,
    });
    await this.#parts.writes.append(subscription.streams.tenant, name as SessionName, {
      kind: 'append',
      contentType,
      events: [bytesOf(isJsonType(contentType) ? event : `${event}\n`)],
      close: false,
      eventIds: [wakeId],
    });
  }

  /** Not awaited by the step: meanwhile the state may go on. */
  #deliver(subscription: FollowedSubscription, state: LiveSubscription, wake: WakeState): void {
    const attempt = `${wake.generation}/${wake.attempt}`;
    const release = this.#slots.take(subscription);
    subscription.delivered = attempt;
    subscription.delivering = attempt;
    this.#parts.tasks.spawn('delivery of a webhook', async (signal) => {
      try {
        const to = { subscription, state, wake };
        const cell = this.#parts.shards.cell ?? '';
        const parts = { ...this.#parts, cell, keys: await this.#parts.keys() };
        const outcome = await deliverWebhook(parts, to, signal);
        // Whoever stops here leaves the wake to the others.
        if (signal.aborted) return;
        this.#counters.deliveries.add(1, { outcome: outcome.kind });
        if (outcome.kind === 'failed') await this.#fail(subscription, wake, outcome.reason);
        if (outcome.kind === 'done') {
          await this.#submit(subscription, decideFinish(wake), wake.streams);
        }
      } catch (cause) {
        if (!isProblem(cause)) throw cause;
        this.#parts.logger.warn({ err: cause }, 'the outcome of a delivery is left to its lease');
      } finally {
        release();
        if (subscription.delivering === attempt) subscription.delivering = undefined;
        this.poke(subscription);
      }
    });
  }

  async #fail(subscription: FollowedSubscription, wake: WakeState, reason: string): Promise<void> {
    const { logger, prng } = this.#parts;
    const { generation, attempt } = wake;
    logger.info({ subscription: subscription.id, generation, attempt, reason }, 'delivery failed');
    const afterMs = retryAfterMs(attempt, prng.below(1_000_000) / 1_000_000);
    await this.#submit(subscription, decideFailDelivery(wake, afterMs));
  }
}
