// What the subscription APIs do, below HTTP.

import { webhookMistake } from '@tidemark/platform';
import { batchBytesMax } from '@tidemark/ports';
import {
  isProblem,
  isStart,
  limits,
  Problem,
  type SessionName,
  timestampText,
} from '@tidemark/protocol';
import { positionIn, type Tenant } from '@tidemark/replica';
import {
  type Ack,
  decideAck,
  decideClaim,
  decideLink,
  decideRelease,
  decideSubscribe,
  decideUnlink,
  decideUnsubscribe,
  type FactDecision,
  isLinked,
  isMatched,
  type LinkFact,
  type LiveSubscription,
  type PendingStream,
  type SubscriptionAnswer,
  type SubscriptionConfig,
  subscriptionPrefix,
  type WakeName,
} from '@tidemark/session';
import { unreachable } from '@tidemark/std';
import { factBytes } from './fact-bytes.ts';
import type { FollowedSubscription } from './followed-subscription.ts';
import { isRefusal, Refusal } from './refusal.ts';
import type { Relay } from './relay.ts';
import { controlUrl, listLinks, listWake } from './stream-listing.ts';
import type { SubscriptionRequest, WakeRequest } from './subscription-request.ts';
import { beginningOf, type StreamsNow, type TenantStreams } from './tenant-streams.ts';
import type { TenantSubscriptions } from './tenant-subscriptions.ts';
import { mintToken, verifyToken } from './wake-token.ts';

const notFound = (): Refusal => new Refusal('SUBSCRIPTION_NOT_FOUND', 'no such subscription');
const fenced = (): Refusal => new Refusal('FENCED', 'another wake has taken over');

export class Subscriptions {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** Creates the subscription, or confirms that it is there with this configuration. */
  async put(
    tenant: Tenant,
    id: string,
    request: SubscriptionRequest,
  ): Promise<{ readonly isNew: boolean; readonly body: object }> {
    const { config } = request;
    const mistake =
      config.webhookUrl === undefined
        ? undefined
        : webhookMistake(config.webhookUrl, this.#relay.rules);
    if (mistake !== undefined) throw new Refusal('WEBHOOK_URL_REJECTED', mistake);
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    // Whatever can fail comes before the fact: an error behind it would deny what stands.
    const webhook = await this.#webhookOf(config);
    const answer = await this.#create(subscriptions, id, request);
    const isNew = answer.kind === 'created' && answer.isNew;
    const followed = subscriptions.get(id);
    const state = followed?.live;
    if (followed === undefined || state === undefined) {
      throw new Problem('outcome-unknown', 'the subscription was deleted meanwhile');
    }
    return { isNew, body: await behindFact(() => describe(followed, state, webhook)) };
  }

  async #create(
    subscriptions: TenantSubscriptions,
    id: string,
    request: SubscriptionRequest,
  ): Promise<SubscriptionAnswer> {
    const { streams } = subscriptions;
    const { config, configHash } = request;
    const by = this.#relay.delivery.processId;
    const ask = (links?: readonly LinkFact[]): Promise<SubscriptionAnswer> => {
      const decide = decideSubscribe({ config, configHash, links, by });
      const bytes = configBytesMax + fittingBytes(links ?? []);
      return this.#ask(streams.tenant, id, { decide, bytes });
    };
    const isThere = subscriptions.get(id)?.live !== undefined;
    const answer = isThere ? await ask() : undefined;
    if (answer !== undefined && answer.kind !== 'moved-on') return answer;
    const end = subscriptions.begin();
    if (end === undefined) throw tooManySubscriptions();
    try {
      return await ask(await tailsOf(streams, request));
    } finally {
      end();
    }
  }

  async get(tenant: Tenant, id: string): Promise<object> {
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    const followed = subscriptions.get(id);
    const state = followed?.live;
    if (followed === undefined || state === undefined) throw notFound();
    return describe(followed, state, await this.#webhookOf(state.config));
  }

  async #webhookOf(config: SubscriptionConfig): Promise<object | null> {
    if (config.webhookUrl === undefined) return null;
    const { kid } = (await this.#relay.keys()).active;
    const signing = { alg: 'ed25519', kid, jwks_url: controlUrl(config, 'jwks.json') };
    return { url: config.webhookUrl, signing };
  }

  async delete(tenant: Tenant, id: string): Promise<void> {
    await this.#ask(tenant, id, { decide: decideUnsubscribe });
  }

  async link(tenant: Tenant, id: string, paths: readonly SessionName[]): Promise<void> {
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    const { streams } = subscriptions;
    const state = subscriptions.get(id)?.live;
    if (state === undefined) throw notFound();
    const { config } = state;
    if (paths.some((path) => path === config.wakeStream)) {
      throw new Refusal('INVALID_REQUEST', 'a subscription does not follow its own wake stream');
    }
    // What the pattern takes is linked already, from its beginning on.
    const added = await streams.with(paths, (now) =>
      paths.map((path) => ({
        ...tailOf(now, path, { fromBeginning: isMatched(config, path) }),
        isExplicit: true,
      })),
    );
    const bytes = fittingBytes(added);
    await this.#ask(tenant, id, { decide: decideLink(added), bytes });
  }

  async unlink(tenant: Tenant, id: string, path: SessionName): Promise<void> {
    await this.#ask(tenant, id, { decide: decideUnlink(path) });
  }

  async claim(tenant: Tenant, id: string, worker: string): Promise<object> {
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    const followed = subscriptions.get(id);
    if (followed?.live === undefined) throw notFound();
    const { prng, clock } = this.#relay.parts;
    // Had it no key, a claim that stands could not be answered.
    const keys = await this.#relay.keys();
    const newWakeId = `w_${prng.hex(16)}`;
    const by = this.#relay.delivery.processId;
    const claimOf = (streams: readonly PendingStream[]): Promise<SubscriptionAnswer> =>
      this.#ask(tenant, id, {
        decide: decideClaim({ wakeId: newWakeId, by, worker, streams }),
        bytes: factBytes(streams),
      });
    const answer = await claimPending(followed, claimOf);
    const state = followed.live;
    const wake = state?.wake;
    if (answer.kind !== 'claimed' || state === undefined || wake?.wakeId !== answer.wake.wakeId) {
      throw fenced();
    }
    const { generation, wakeId } = wake;
    const grant = { tenant: tenant.id, subscriptionId: id, generation, wakeId };
    return {
      wake_id: wakeId,
      generation,
      token: mintToken(keys, grant, clock.nowMs()),
      streams: await behindFact(() => listWake(followed, state, wake)),
      lease_ttl_ms: state.config.leaseMs,
    };
  }

  /** The tenant whose wake a token is for; nothing is looked up. */
  async tenantOf(token: string): Promise<string> {
    const { clock } = this.#relay.parts;
    return verifyToken(await this.#relay.keys(), token, clock.nowMs()).tenant;
  }

  /** A webhook's callback, or a worker's ack: the token says whose. */
  async ack(
    token: string,
    id: string,
    request: WakeRequest & { readonly kind: SubscriptionConfig['kind'] },
  ): Promise<object> {
    const tenant = await this.#authorise(token, id, request);
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    const { streams } = subscriptions;
    const followed = subscriptions.get(id);
    const state = followed?.live;
    if (followed === undefined || state === undefined) throw notFound();
    const acks = await streams.with(
      request.acks.map(({ path }) => path),
      (now) => request.acks.flatMap((ack) => ackOf(now, state, ack)),
    );
    const decide = decideAck({ ...request, acks });
    await this.#ask(tenant, id, { decide, bytes: fittingBytes(acks) });
    return { ok: true, next_wake: request.done && (await this.#hasPending(followed)) };
  }

  /** A hint: that nobody can be asked now does not deny the ack, which stands. */
  async #hasPending(followed: FollowedSubscription): Promise<boolean> {
    try {
      await followed.streams.refresh();
      const state = followed.live;
      if (state === undefined) return false;
      return state.wake !== undefined || (await pendingNow(followed)).length > 0;
    } catch (cause) {
      if (!isProblem(cause)) throw cause;
      return true;
    }
  }

  async release(token: string, id: string, name: WakeName): Promise<void> {
    const tenant = await this.#authorise(token, id, name);
    await this.#ask(tenant, id, { decide: decideRelease(name) });
  }

  /** Whose wake the token is for. The fold then says whether that wake is still the current one. */
  async #authorise(token: string, id: string, { generation, wakeId }: WakeName): Promise<Tenant> {
    const { shards, clock } = this.#relay.parts;
    const grant = verifyToken(await this.#relay.keys(), token, clock.nowMs());
    const known = shards.directory.get(grant.tenant);
    const tenant = known ?? (await shards.currentDirectory()).get(grant.tenant);
    if (tenant === undefined || grant.subscriptionId !== id) {
      throw new Refusal('TOKEN_INVALID', 'a token of another subscription');
    }
    if (grant.generation === generation && grant.wakeId === wakeId) return tenant;
    const subscriptions = await this.#relay.subscriptionsOf(tenant);
    throw subscriptions.get(id)?.live === undefined ? notFound() : fenced();
  }

  async #ask(
    tenant: Tenant,
    id: string,
    fact: { readonly decide: FactDecision; readonly bytes?: number },
  ): Promise<SubscriptionAnswer> {
    const command = { kind: 'fact', ...fact } as const;
    const reply = await this.#relay.parts.writes.submit(tenant, nameOf(id), command);
    if (reply.kind !== 'answer') {
      throw new Problem('internal', 'a fact was answered with something else');
    }
    const answer = reply.answer as SubscriptionAnswer;
    if (answer.kind === 'refused') throw refusalOf(answer);
    return answer;
  }
}

/** The fact stands: what fails behind it does not deny that. */
async function behindFact<T>(tell: () => Promise<T>): Promise<T> {
  try {
    return await tell();
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw new Problem('outcome-unknown', 'done, and what came of it cannot be told', { cause });
  }
}

const isNothingPending = (cause: unknown): boolean =>
  isRefusal(cause) && cause.code === 'NO_PENDING_WORK';

/**
 * Until a look finds nothing, or what it finds is still pending when it is decided on: there may be more
 * than one look finds.
 */
async function claimPending(
  followed: FollowedSubscription,
  claimOf: (streams: readonly PendingStream[]) => Promise<SubscriptionAnswer>,
): Promise<SubscriptionAnswer> {
  for (;;) {
    const streams = await pendingNow(followed);
    try {
      return await claimOf(streams);
    } catch (cause) {
      if (!isNothingPending(cause) || streams.length === 0) throw cause;
    }
  }
}

/** Of the state as it is when it is found. */
async function pendingNow(followed: FollowedSubscription): Promise<readonly PendingStream[]> {
  for (;;) {
    const state = followed.live;
    if (state === undefined) return [];
    const pending = await followed.pending(state);
    if (pending !== undefined) return pending;
  }
}

async function describe(
  followed: FollowedSubscription,
  state: LiveSubscription,
  webhook: object | null,
): Promise<object> {
  const { id, streams } = followed;
  const { config, createdAtMs, wake } = state;
  return {
    id,
    subscription_id: id,
    type: config.kind,
    pattern: config.pattern ?? null,
    streams: await listLinks(state, streams, await followed.candidates(state)),
    webhook,
    wake_stream: config.wakeStream ?? null,
    lease_ttl_ms: config.leaseMs,
    created_at: timestampText(createdAtMs),
    status: wake?.nextAttemptAtMs === undefined ? 'active' : 'failed',
    description: config.description ?? null,
  };
}

const nameOf = (id: string): string => `${subscriptionPrefix}${id}`;

/** A description and a URL at their longest, escaped. */
const configBytesMax = 32 * 1_024;

/** What one fact may come to: well below the largest batch that the log takes. */
const factBytesMax = batchBytesMax / 2;

/** The bytes of a fact that names these streams, or the refusal where it is too large. */
function fittingBytes(named: readonly { readonly path: string }[]): number {
  const bytes = factBytes(named);
  if (bytes > factBytesMax) throw tooMany();
  return bytes;
}

const tooManySubscriptions = (): Refusal =>
  new Refusal(
    'TOO_MANY_SUBSCRIPTIONS',
    `a tenant has at most ${limits.subscriptionsMax} subscriptions`,
  );

const tooMany = (): Refusal =>
  new Refusal(
    'INVALID_REQUEST',
    `a subscription has at most ${limits.subscriptionStreamsMax} streams`,
  );

function tailOf(
  streams: StreamsNow,
  path: string,
  { fromBeginning }: { readonly fromBeginning: boolean },
): Omit<LinkFact, 'isExplicit'> {
  const stream = streams.stream(path);
  if (stream === undefined) return { path, incarnation: '', position: 0 };
  const position = fromBeginning ? beginningOf(stream) : stream.tailPosition;
  return { path, incarnation: stream.incarnation, position };
}

/** Existing streams begin at their tails: a new subscription replays no history. */
async function tailsOf(
  streams: TenantStreams,
  request: SubscriptionRequest,
): Promise<readonly LinkFact[]> {
  const links = await streams.with(request.streams, (now) =>
    request.streams.map((path) => ({
      ...tailOf(now, path, { fromBeginning: false }),
      isExplicit: true,
    })),
  );
  const explicit = new Set<string>(request.streams);
  if (request.config.pattern !== undefined) {
    for await (const { name: path, stream } of streams.all()) {
      if (explicit.has(path) || !isMatched(request.config, path)) continue;
      const { incarnation, tailPosition: position } = stream;
      links.push({ path, incarnation, position, isExplicit: false });
      if (links.length > limits.subscriptionStreamsMax) throw tooMany();
    }
  }
  return links;
}

/** An ack that no state takes; it is refused behind the fence, like any other bad offset. */
const impossible = (path: string): Ack => ({ path, incarnation: '', position: 1, tail: 0 });

/** A stream that is gone has nothing left to be acknowledged. */
function ackOf(
  streams: StreamsNow,
  state: LiveSubscription,
  { path, offset }: WakeRequest['acks'][number],
): readonly Ack[] {
  const stream = streams.stream(path);
  if (stream === undefined) return isLinked(state, path) ? [] : [impossible(path)];
  try {
    const { incarnation, tailPosition: tail } = stream;
    if (isStart(offset)) return [impossible(path)];
    return [{ path, incarnation, position: positionIn(stream, offset), tail }];
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    return [impossible(path)];
  }
}

function refusalOf(answer: Extract<SubscriptionAnswer, { kind: 'refused' }>): Refusal {
  switch (answer.code) {
    case 'already-exists':
      return new Refusal('SUBSCRIPTION_ALREADY_EXISTS', 'exists with another configuration');
    case 'fenced':
      return fenced();
    case 'invalid-offset':
      return new Refusal('INVALID_OFFSET', 'an ack goes back, beyond the tail, or elsewhere');
    case 'no-pending-work':
      return new Refusal('NO_PENDING_WORK', 'nothing is pending');
    case 'not-found':
      return notFound();
    case 'not-pull-wake':
      return new Refusal('INVALID_REQUEST', 'no pull-wake subscription');
    case 'not-webhook':
      return new Refusal('INVALID_REQUEST', 'no webhook subscription');
    case 'too-many-streams':
      return tooMany();
    case 'already-claimed': {
      const facts = { current_holder: answer.worker, generation: answer.generation };
      return new Refusal('ALREADY_CLAIMED', 'another worker holds the lease', { facts });
    }
    default:
      return unreachable(answer);
  }
}
