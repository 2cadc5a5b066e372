// One delivery of a wake to its webhook.

import { permitsFor, type WebhookRules, webhookMistake } from '@tidemark/platform';
import { type Clock, isFault, type Outbound } from '@tidemark/ports';
import { deliveryHeader } from '@tidemark/protocol';
import type { LiveSubscription, WakeState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import type { FollowedSubscription } from './followed-subscription.ts';
import type { KeyRing } from './relay-keys.ts';
import { controlUrl, listWake } from './stream-listing.ts';
import { mintToken } from './wake-token.ts';

export type DeliveryOutcome =
  | { readonly kind: 'done' }
  /** Taken: the worker calls back, or its lease runs out. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface WebhookParts {
  readonly clock: Clock;
  readonly outbound: Outbound;
  readonly keys: KeyRing;
  readonly rules: WebhookRules;
  /** This server, as its deliveries name it: one that comes back is refused. */
  readonly cell: string;
}

/** Of `{"done":true}` and whatever a receiver adds to it. */
const responseBytesMax = 64 * 1_024;

/** An attempt ends before the lease that began with it: nobody else takes over meanwhile. */
const attemptShare = 0.8;
const attemptMsMax = 60_000;

export async function deliverWebhook(
  parts: WebhookParts,
  to: { subscription: FollowedSubscription; state: LiveSubscription; wake: WakeState },
  signal: AbortSignal,
): Promise<DeliveryOutcome> {
  const { config } = to.state;
  const url = config.webhookUrl ?? '';
  const mistake = webhookMistake(url, parts.rules);
  if (mistake !== undefined) return { kind: 'failed', reason: mistake };
  const body = bytesOf(JSON.stringify(await notificationOf(parts, to)));
  const atSeconds = Math.floor(parts.clock.nowMs() / 1_000);
  const request = {
    url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'tidemark',
      [deliveryHeader]: parts.cell,
      'webhook-signature': parts.keys.active.signatureOf(body, atSeconds),
    },
    body,
    timeoutMs: Math.min(config.leaseMs * attemptShare, attemptMsMax),
    responseBytesMax,
    permits: permitsFor(url, parts.rules),
  };
  try {
    const { status, body: answer } = await parts.outbound.post(request, signal);
    if (status < 200 || status > 299) return { kind: 'failed', reason: `status ${status}` };
    return { kind: isDone(answer) ? 'done' : 'accepted' };
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    return { kind: 'failed', reason: cause.message };
  }
}

async function notificationOf(
  { clock, keys }: WebhookParts,
  { subscription, state, wake }: Parameters<typeof deliverWebhook>[1],
): Promise<object> {
  const { id, streams } = subscription;
  const { generation, wakeId } = wake;
  const grant = { tenant: streams.tenant.id, subscriptionId: id, generation, wakeId };
  return {
    subscription_id: id,
    wake_id: wakeId,
    generation,
    streams: await listWake(subscription, state, wake),
    callback_url: controlUrl(state.config, `subscriptions/${encodeURIComponent(id)}/callback`),
    callback_token: mintToken(keys, grant, clock.nowMs()),
  };
}

function isDone(answer: Uint8Array): boolean {
  try {
    const parsed: unknown = JSON.parse(textOf(answer));
    return (
      typeof parsed === 'object' && parsed !== null && 'done' in parsed && parsed.done === true
    );
  } catch {
    return false;
  }
}

const backoffMsMin = 1_000;
const backoffMsMax = 60_000;

/** The longest that a failed delivery waits, jitter included. */
export const retryAfterMsMax = backoffMsMax * 1.2;

/** Doubles from one second to sixty, and lies within a fifth of that on either side. */
export function retryAfterMs(attempt: number, random: number): number {
  const baseMs = Math.min(backoffMsMin * 2 ** Math.min(attempt - 1, 16), backoffMsMax);
  return Math.round(baseMs * (0.8 + 0.4 * random));
}
