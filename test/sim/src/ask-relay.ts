// One request about a subscription to one process, below HTTP, and what its client may know of the answer.

import type { Return } from '@tidemark/checker';
import { isFault } from '@tidemark/ports';
import { isProblem, type SessionName } from '@tidemark/protocol';
import { isRefusal, type Relay, type Subscriptions } from '@tidemark/relay';
import type { Tenant } from '@tidemark/replica';
import type { Incarnation } from './incarnation.ts';
import type { Answered } from './operate.ts';
import type { SubscriptionSpec } from './subscription-spec.ts';
import type { HeldWake, ToldWake, WakeAck } from './wake.ts';

export interface RelayOfProcess {
  readonly relay: Relay;
  readonly subscriptions: Subscriptions;
}

export interface Claimed {
  readonly told: ToldWake;
  readonly wake: HeldWake;
}

const partsOf = (
  { relaying, tenants }: Incarnation,
  spec: SubscriptionSpec,
): { subscriptions: Subscriptions; tenant: Tenant } => {
  const tenant = tenants.find(({ id }) => id === spec.tenant);
  if (relaying === undefined || tenant === undefined) {
    throw new Error('a process that is asked has a relay and its tenants');
  }
  return { subscriptions: relaying.subscriptions, tenant };
};

/** What a client makes of a request that failed. */
export function failedAsk(cause: unknown): Answered {
  if (isRefusal(cause)) {
    const code = cause.code.toLowerCase().replaceAll('_', '-');
    return { answer: { outcome: 'refused', code } };
  }
  if (isFault(cause)) return { answer: { outcome: 'unknown', code: `fault ${cause.reason}` } };
  if (!isProblem(cause)) throw cause;
  const outcome = cause.kind.effect === 'none' ? 'refused' : 'unknown';
  return { answer: { outcome, code: cause.code }, problem: cause };
}

export async function subscribe(
  process: Incarnation,
  spec: SubscriptionSpec,
): Promise<Pick<Return, 'isNew'>> {
  const { subscriptions, tenant } = partsOf(process, spec);
  const { isNew } = await subscriptions.put(tenant, spec.id, spec.request);
  return { isNew };
}

export async function unsubscribe(process: Incarnation, spec: SubscriptionSpec): Promise<void> {
  const { subscriptions, tenant } = partsOf(process, spec);
  await subscriptions.delete(tenant, spec.id);
}

export async function link(
  process: Incarnation,
  spec: SubscriptionSpec,
  path: SessionName,
): Promise<void> {
  const { subscriptions, tenant } = partsOf(process, spec);
  await subscriptions.link(tenant, spec.id, [path]);
}

export async function unlink(
  process: Incarnation,
  spec: SubscriptionSpec,
  path: SessionName,
): Promise<void> {
  const { subscriptions, tenant } = partsOf(process, spec);
  await subscriptions.unlink(tenant, spec.id, path);
}

export async function claim(
  process: Incarnation,
  spec: SubscriptionSpec,
  worker: string,
): Promise<Claimed> {
  const { subscriptions, tenant } = partsOf(process, spec);
  const claimed = await subscriptions.claim(tenant, spec.id, worker);
  const told = claimed as ToldWake & { readonly token: string };
  const { wake_id: wakeId, generation, token, streams } = told;
  return { told, wake: { spec, wakeId, generation, token, streams } };
}

export async function ack(
  process: Incarnation,
  wake: HeldWake,
  { acks, done }: { readonly acks: readonly WakeAck[]; readonly done: boolean },
): Promise<void> {
  const { spec, token, wakeId, generation } = wake;
  const { subscriptions } = partsOf(process, spec);
  const { kind } = spec;
  const named = acks.map(({ path, offset }) => ({ path: path as SessionName, offset }));
  await subscriptions.ack(token, spec.id, { kind, wakeId, generation, acks: named, done });
}

export async function release(process: Incarnation, wake: HeldWake): Promise<void> {
  const { spec, token, wakeId, generation } = wake;
  const { subscriptions } = partsOf(process, spec);
  await subscriptions.release(token, spec.id, { wakeId, generation });
}
