// Delivers the events of sessions to where their owners want them. All that is known of a delivery is in
// the session's log: whoever takes over goes on from there.
//
// (1) A delivery is told behind its answer, under the generation of whoever made it: what was answered and
//     not told is delivered again, under the same id.
// (2) Who holds an outbox delivers of it. Others take over once their own clock says that something was
//     due for a while and nothing was told of it.
// (3) One delivery at a time to one destination of a session. One that failed waits by itself, and what
//     comes behind it does not wait for it.

import { sharedDestinations } from '@tidemark/agents-api';
import type { WebhookRules } from '@tidemark/platform';
import {
  type Clock,
  type Counter,
  isFault,
  type Logger,
  type Metrics,
  type Outbound,
  type Prng,
} from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import {
  deliveryShelf,
  type FoldedSession,
  type Shards,
  type Tenant,
  walkShelf,
} from '@tidemark/replica';
import type { SessionWrites } from '@tidemark/replica/write';
import { decideClaimOutbox, decideTellDelivery, type FactDecision } from '@tidemark/session';
import { RecentMap, type Tasks } from '@tidemark/std';
import { EndpointSlots } from './endpoint-slots.ts';
import { EventPoster, type PostOutcome, type PostParts, retryAfterMs } from './event-post.ts';
import { type Due, FollowedOutbox, type Letter, type Looked } from './followed-outbox.ts';
import { SharedConfigs } from './shared-configs.ts';

export interface OutboxesParts {
  readonly shards: Shards;
  readonly writes: SessionWrites;
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tasks: Tasks;
  readonly rules: WebhookRules;
  readonly openSecret: PostParts['openSecret'];
  /** Names this process in the log, for as long as it lives. */
  readonly processId: string;
}

/** An attempt takes ten seconds at most: who is silent for longer is gone. */
const takeoverMs = 15_000;
/** After something that passes, such as a log that does not answer. */
const againMs = 1_000;
/** A timer is looked at again at least so often: a wall clock may jump. */
const timerMsMax = 3_600_000;
/** Sessions that are followed; those that were forgotten for others are looked for again. */
const followedMax = 65_536;
const walkAgainMs = 60_000;
/** Sessions that are looked at at once. */
const stepsMax = 32;

/** The log does not answer, or has let go of what was just read of it. */
const isPassing = (cause: unknown): boolean => isProblem(cause) || isFault(cause);

export class Outboxes {
  readonly #parts: OutboxesParts;
  readonly #configs: SharedConfigs;
  readonly #slots: EndpointSlots;
  readonly #poster: EventPoster;
  readonly #deliveries: Counter;
  /** The ones that were told of last stand last. */
  readonly #followed = new RecentMap<string, FollowedOutbox>();
  readonly #ready = new Set<FollowedOutbox>();
  readonly #stepping = new Set<FollowedOutbox>();
  readonly #tenants = new Map<string, Tenant>();
  #isCut = false;

  constructor(parts: OutboxesParts) {
    this.#parts = parts;
    const { shards, clock, metrics } = parts;
    this.#configs = new SharedConfigs(shards);
    this.#slots = new EndpointSlots(clock);
    this.#poster = new EventPoster({ ...parts, cell: shards.cell ?? '' });
    this.#deliveries = metrics.counter({
      name: 'tidemark_relay_event_deliveries_total',
      help: 'attempts to deliver an event, by what became of them',
      labels: ['outcome'],
    });
    const observe = (name: string, help: string, read: () => number): void =>
      metrics.observedGauge({ name: `tidemark_relay_${name}`, help }, read);
    observe(
      'event_deliveries_under_way',
      'event deliveries that wait for an answer',
      () => this.#slots.count,
    );
    observe('outboxes', 'sessions whose deliveries are followed', () => this.#followed.size);
  }

  /** From now on: all that may owe something, and what is told of. */
  async follow(tenant: Tenant): Promise<void> {
    this.#tenants.set(tenant.id, tenant);
    for await (const { name } of walkShelf(this.#parts.shards, tenant, deliveryShelf)) {
      this.#poke(this.#outboxOf(tenant, name));
    }
  }

  changed({ state }: FoldedSession): void {
    const tenant = this.#tenants.get(state.tenant);
    if (tenant === undefined) return;
    if (state.name === sharedDestinations) {
      this.#configs.changed(tenant.id);
      this.#walk(tenant);
      return;
    }
    const isOwing = (state.stream?.aspects.outbox.destinations.length ?? 0) > 0;
    const known = this.#followed.get(`${tenant.id} ${state.name}`);
    if (isOwing || known !== undefined) this.#poke(this.#outboxOf(tenant, state.name));
  }

  close(): void {
    for (const outbox of this.#followed.values()) outbox.quiet();
    this.#followed.clear();
    this.#ready.clear();
  }

  #outboxOf(tenant: Tenant, name: string): FollowedOutbox {
    const id = `${tenant.id} ${name}`;
    const { shards, clock } = this.#parts;
    const outbox =
      this.#followed.get(id) ??
      new FollowedOutbox({ shards, clock, configs: this.#configs }, tenant, name);
    this.#followed.set(id, outbox);
    if (this.#followed.size > followedMax) this.#forgetOldest();
    return outbox;
  }

  #forgetOldest(): void {
    for (const [id, outbox] of this.#followed.entries()) {
      if (outbox.underWay.size > 0 || this.#stepping.has(outbox)) continue;
      this.#followed.delete(id);
      if (outbox.isWaiting) this.#walkLater();
      outbox.quiet();
      return;
    }
  }

  #walkLater(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#parts.clock.schedule(walkAgainMs, () => {
      this.#isCut = false;
      for (const tenant of this.#tenants.values()) this.#walk(tenant);
    });
  }

  #walk(tenant: Tenant): void {
    this.#parts.tasks.spawn('look for deliveries', () => this.#trying(() => this.follow(tenant)));
  }

  async #trying(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (cause) {
      if (!isPassing(cause)) throw cause;
      this.#parts.logger.warn({ err: cause }, 'cannot look for deliveries now');
      this.#walkLater();
    }
  }

  #drop(outbox: FollowedOutbox): void {
    outbox.quiet();
    const id = `${outbox.tenant.id} ${outbox.located.name}`;
    if (this.#followed.get(id) === outbox) this.#followed.delete(id);
  }

  /** Something may be to do. */
  #poke(outbox: FollowedOutbox): void {
    this.#ready.add(outbox);
    this.#next();
  }

  #next(): void {
    for (const outbox of this.#ready) {
      if (this.#stepping.size >= stepsMax) return;
      if (this.#stepping.has(outbox)) continue;
      this.#ready.delete(outbox);
      this.#stepping.add(outbox);
      this.#parts.tasks.spawn('step of an outbox', () => this.#run(outbox));
    }
  }

  async #run(outbox: FollowedOutbox): Promise<void> {
    try {
      await this.#step(outbox);
    } catch (cause) {
      if (!isPassing(cause)) throw cause;
      this.#parts.logger.warn({ err: cause }, 'the deliveries of a session wait');
      outbox.later(againMs, () => this.#poke(outbox));
    } finally {
      this.#stepping.delete(outbox);
      this.#next();
    }
  }

  async #step(outbox: FollowedOutbox): Promise<void> {
    outbox.quiet();
    if (this.#isSuspended(outbox)) return;
    const looked = await outbox.look();
    if (looked === undefined || looked.isOver) {
      this.#drop(outbox);
      return;
    }
    let restMs = Infinity;
    for (const due of looked.due) {
      if (outbox.underWay.has(due.config.id)) continue;
      const quietMs = this.#quietMs(outbox, looked, due);
      if (quietMs > 0) restMs = Math.min(restMs, quietMs);
      else this.#deliver(outbox, due);
    }
    if (looked.passes.length > 0) await this.#pass(outbox, looked);
    if (looked.isMore) this.#poke(outbox);
    if (looked.nextAtMs !== undefined) {
      restMs = Math.min(restMs, looked.nextAtMs - this.#parts.clock.nowMs());
    }
    if (restMs === Infinity) return;
    outbox.later(Math.min(Math.max(restMs, 1), timerMsMax), () => this.#poke(outbox));
  }

  /** Nothing goes out; the relay follows the tenant anew when it is resumed. */
  #isSuspended({ tenant }: FollowedOutbox): boolean {
    return this.#parts.shards.directory.isSuspended(tenant.id);
  }

  /** How long to leave it to whoever holds the outbox. */
  #quietMs(outbox: FollowedOutbox, looked: Looked, due: Due): number {
    const { holder } = looked;
    if (holder === undefined || holder === this.#parts.processId) return 0;
    return takeoverMs - outbox.dueForMs(due, looked);
  }

  /** The generation under which this process delivers of it; undefined where another does. */
  async #hold(outbox: FollowedOutbox, { holder, generation }: Looked): Promise<number | undefined> {
    const { processId } = this.#parts;
    if (holder === processId) return generation;
    const decide = decideClaimOutbox(processId, generation, this.#requestId());
    return (await this.#submit(outbox, decide)) as number | undefined;
  }

  #requestId(): string {
    return this.#parts.prng.hex(8);
  }

  async #submit(outbox: FollowedOutbox, decide: FactDecision): Promise<unknown> {
    const { tenant, located } = outbox;
    const reply = await this.#parts.writes.submit(tenant, located.name, { kind: 'fact', decide });
    return reply.kind === 'answer' ? reply.answer : undefined;
  }

  /** So that nobody looks through the same events again. */
  async #pass(outbox: FollowedOutbox, looked: Looked): Promise<void> {
    const isOthers = looked.holder !== undefined && looked.holder !== this.#parts.processId;
    if (isOthers || outbox.underWay.size > 0) return;
    const generation = await this.#hold(outbox, looked);
    if (generation === undefined) return;
    for (const pass of looked.passes) {
      const fact = { type: 'deliveries-passed', ...pass, generation } as const;
      await this.#submit(outbox, decideTellDelivery(fact, this.#requestId()));
    }
  }

  #deliver(outbox: FollowedOutbox, { config }: Due): void {
    const { id, url } = config;
    outbox.underWay.add(id);
    this.#parts.tasks.spawn('delivery of an event', async (signal) => {
      try {
        using slot = await this.#slots.enter(outbox.tenant.id, url, signal);
        const outcome = await this.#attempt(outbox, id, signal);
        if (outcome !== undefined && outcome.kind !== 'gone') {
          slot.heard(outcome.kind === 'delivered');
        }
      } catch (cause) {
        if (!isPassing(cause)) throw cause;
        this.#parts.logger.warn({ err: cause }, 'a delivery is left to be made again');
        outbox.later(againMs, () => this.#poke(outbox));
        return;
      } finally {
        outbox.underWay.delete(id);
      }
      this.#poke(outbox);
    });
  }

  async #attempt(
    outbox: FollowedOutbox,
    id: string,
    signal: AbortSignal,
  ): Promise<PostOutcome | undefined> {
    if (this.#isSuspended(outbox)) return undefined;
    const looked = await outbox.letter(id);
    const due = looked?.due[0];
    if (looked === undefined || due === undefined || looked.letter === undefined) return undefined;
    if (this.#quietMs(outbox, looked, due) > 0) return undefined;
    const generation = await this.#hold(outbox, looked);
    if (generation === undefined) return undefined;
    const { letter } = looked;
    const outcome = await this.#post(outbox, { due, letter }, signal);
    // Whoever stops here leaves it to the others.
    if (signal.aborted) return undefined;
    this.#deliveries.add(1, { outcome: outcome.kind });
    await this.#tell(outbox, { due, letter, generation }, outcome);
    return outcome;
  }

  #post(
    { tenant, located }: FollowedOutbox,
    { due, letter }: { readonly due: Due; readonly letter: Letter },
    signal: AbortSignal,
  ): Promise<PostOutcome> {
    const { event } = letter;
    if (event === undefined) {
      return Promise.resolve({ kind: 'gone', error: 'the session keeps it no more' });
    }
    const { seq, config: destination } = due;
    const of = { tenant: tenant.id, session: located.name, destination, seq };
    return this.#poster.post({ ...letter, ...of, event }, signal);
  }

  async #tell(
    outbox: FollowedOutbox,
    {
      due,
      letter,
      generation,
    }: { readonly due: Due; readonly letter: Letter; readonly generation: number },
    outcome: PostOutcome,
  ): Promise<void> {
    const { clock, prng } = this.#parts;
    const afterMs = retryAfterMs(due.attempts + 1, prng.below(1_000_000) / 1_000_000);
    const isDone = outcome.kind === 'delivered';
    const isDead = outcome.kind === 'gone' || (!isDone && afterMs === undefined);
    const fact = {
      type: 'delivery-told',
      destination: due.config.id,
      generation,
      seq: due.seq,
      eventId: letter.eventId,
      status: isDone ? 'delivered' : isDead ? 'dead' : 'waiting',
      code: outcome.kind === 'gone' ? undefined : outcome.code,
      error: isDone ? undefined : outcome.error,
      nextAtMs: isDone || isDead ? undefined : clock.nowMs() + (afterMs ?? 0),
      cursorSeq: due.isNew ? due.seq + 1 : undefined,
    } as const;
    await this.#submit(outbox, decideTellDelivery(fact, this.#requestId()));
  }
}
