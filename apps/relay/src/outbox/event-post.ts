// One attempt to deliver one event to one destination.

import {
  deliveryId,
  deliveryPayload,
  destinationPurpose,
  type ToldEvent,
} from '@tidemark/agents-api';
import { permitsFor, type WebhookRules, webhookMistake } from '@tidemark/platform';
import { type Clock, isFault, type Outbound } from '@tidemark/ports';
import { deliveryHeader } from '@tidemark/protocol';
import type { Destination } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { standardSignature } from './standard-signature.ts';

export interface PostParts {
  readonly clock: Clock;
  readonly outbound: Outbound;
  readonly rules: WebhookRules;
  /** This server, as its deliveries name it: one that comes back is refused. */
  readonly cell: string;
  /** Undefined where it cannot be opened here. */
  readonly openSecret: (sealed: string, purpose: string) => string | undefined;
}

export interface Post {
  readonly tenant: string;
  readonly session: string;
  readonly destination: Destination;
  readonly seq: number;
  /** The same for every attempt, and no other event's. */
  readonly eventId: string;
  readonly event: ToldEvent;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export type PostOutcome =
  | { readonly kind: 'delivered'; readonly code: number }
  | { readonly kind: 'failed'; readonly code?: number; readonly error: string }
  /** There is nothing to be posted. */
  | { readonly kind: 'gone'; readonly error: string };

const attemptMs = 10_000;
/** Nothing in an answer is read but its status. */
const responseBytesMax = 16 * 1_024;
const errorCharsMax = 200;

export class EventPoster {
  readonly #parts: PostParts;

  constructor(parts: PostParts) {
    this.#parts = parts;
  }

  async post(post: Post, signal: AbortSignal): Promise<PostOutcome> {
    const { rules, clock, cell, outbound } = this.#parts;
    const { url } = post.destination;
    const mistake = webhookMistake(url, rules);
    if (mistake !== undefined) return { kind: 'failed', error: mistake };
    const secrets = secretsOf(this.#parts, post);
    if (secrets === undefined) return { kind: 'failed', error: 'its secret cannot be opened here' };
    const { headers, body } = signedRequest(post, secrets, Math.floor(clock.nowMs() / 1_000));
    const request = {
      url,
      headers: { ...headers, [deliveryHeader]: cell },
      body,
      timeoutMs: attemptMs,
      responseBytesMax,
      permits: permitsFor(url, rules),
    };
    try {
      const { status: code } = await outbound.post(request, signal);
      if (code >= 200 && code <= 299) return { kind: 'delivered', code };
      return { kind: 'failed', code, error: `status ${code}` };
    } catch (cause) {
      if (!isFault(cause)) throw cause;
      return { kind: 'failed', error: cause.message.slice(0, errorCharsMax) };
    }
  }
}

/** Those that sign now: a replaced one for a while beside the new. */
function secretsOf(
  { clock, openSecret }: PostParts,
  { tenant, destination }: Post,
): readonly string[] | undefined {
  const nowMs = clock.nowMs();
  const purpose = destinationPurpose(tenant, destination.id);
  const opened = destination.secrets
    .filter(({ endsAtMs = Infinity }) => nowMs < endsAtMs)
    .map(({ sealed }) => openSecret(sealed, purpose));
  return opened.includes(undefined) ? undefined : opened.filter((each) => each !== undefined);
}

function signedRequest(
  { session, destination, seq, eventId: id, event, metadata }: Post,
  secrets: readonly string[],
  atSeconds: number,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } {
  const { includesRaw } = destination;
  const body = bytesOf(JSON.stringify(deliveryPayload(event, { id, metadata, includesRaw })));
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'tidemark',
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'x-oc-delivery-id': deliveryId(destination.id, seq),
    'x-oc-session-id': session,
  };
  if (secrets.length === 0) return { headers, body };
  const signature = standardSignature(secrets, { id, atSeconds, body });
  return { headers: { ...headers, 'webhook-signature': signature }, body };
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** How long after each attempt that failed the next one comes; behind the last there is none. */
const retryMs: readonly number[] = [
  5_000,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  10 * hourMs,
];

/** Undefined where that was the last attempt. Up to a tenth later, so that not all come at once. */
export function retryAfterMs(attempts: number, random: number): number | undefined {
  const afterMs = retryMs[attempts - 1];
  return afterMs && Math.round(afterMs * (1 + random / 10));
}
