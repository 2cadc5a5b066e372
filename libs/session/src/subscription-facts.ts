// What is said of a subscription, one JSON object a record of kind `fact`, told apart by `type`.
//
// created          config configHash links by
// linked           links                      (explicit ones, added later)
// unlinked         path
// woken            generation wakeId by streams
// claimed          generation wakeId by streams worker
// retried          generation wakeId by attempt
// delivery-failed  generation wakeId attempt nextAttemptAtMs
// acked            generation wakeId acks done
// released         generation wakeId
// lease-expired    generation wakeId by lease
// deleted
//
// Stored. Never rename. A position is always one of an incarnation: a stream that is deleted and
// created again begins at its beginning.

import {
  type Check,
  type Fields,
  isCount,
  isFlag,
  isText,
  listOf,
  optional,
  shaped,
} from './shapes.ts';

export interface SubscriptionConfig {
  readonly kind: 'webhook' | 'pull-wake';
  readonly pattern: string | undefined;
  readonly webhookUrl: string | undefined;
  readonly wakeStream: string | undefined;
  readonly leaseMs: number;
  readonly description: string | undefined;
  /** Where the server was reached when this was created: callbacks go there. */
  readonly baseUrl: string;
}

export interface LinkFact {
  readonly path: string;
  readonly isExplicit: boolean;
  /** Empty for a stream that is not there yet. */
  readonly incarnation: string;
  readonly position: number;
}

/** A stream with something pending: what was acknowledged, and how far it had got. */
export interface PendingStream {
  readonly path: string;
  readonly incarnation: string;
  readonly acked: number;
  readonly tail: number;
}

export interface Ack {
  readonly path: string;
  readonly incarnation: string;
  readonly position: number;
  /** How far the stream had got when this was taken: no ack goes beyond. */
  readonly tail: number;
}

/** The wake that a request speaks of. */
export interface WakeName {
  readonly generation: number;
  readonly wakeId: string;
}

export type SubscriptionFact =
  | {
      readonly type: 'created';
      readonly config: SubscriptionConfig;
      readonly configHash: string;
      readonly links: readonly LinkFact[];
      readonly by: string;
    }
  | { readonly type: 'linked'; readonly links: readonly LinkFact[] }
  | { readonly type: 'unlinked'; readonly path: string }
  | (WakeName & {
      readonly type: 'woken';
      readonly by: string;
      readonly streams: readonly PendingStream[];
    })
  | (WakeName & {
      readonly type: 'claimed';
      readonly by: string;
      readonly streams: readonly PendingStream[];
      readonly worker: string;
    })
  | (WakeName & { readonly type: 'retried'; readonly by: string; readonly attempt: number })
  | (WakeName & {
      readonly type: 'delivery-failed';
      readonly attempt: number;
      readonly nextAttemptAtMs: number;
    })
  | (WakeName & { readonly type: 'acked'; readonly acks: readonly Ack[]; readonly done: boolean })
  | (WakeName & { readonly type: 'released' })
  | (WakeName & { readonly type: 'lease-expired'; readonly by: string; readonly lease: string })
  | { readonly type: 'deleted' };

const isOptionalText = optional(isText);
const isKind: Check = (value) => value === 'webhook' || value === 'pull-wake';

const isConfig = shaped({
  kind: isKind,
  pattern: isOptionalText,
  webhookUrl: isOptionalText,
  wakeStream: isOptionalText,
  leaseMs: isCount,
  description: isOptionalText,
  baseUrl: isText,
});
const isLink = shaped({ path: isText, isExplicit: isFlag, incarnation: isText, position: isCount });
const isPending = shaped({ path: isText, incarnation: isText, acked: isCount, tail: isCount });
const isAck = shaped({ path: isText, incarnation: isText, position: isCount, tail: isCount });
const wakeName = { generation: isCount, wakeId: isText };

const shapes: Readonly<Record<SubscriptionFact['type'], Check>> = {
  created: shaped({ config: isConfig, configHash: isText, links: listOf(isLink), by: isText }),
  linked: shaped({ links: listOf(isLink) }),
  unlinked: shaped({ path: isText }),
  woken: shaped({ ...wakeName, by: isText, streams: listOf(isPending) }),
  claimed: shaped({ ...wakeName, by: isText, streams: listOf(isPending), worker: isText }),
  retried: shaped({ ...wakeName, by: isText, attempt: isCount }),
  'delivery-failed': shaped({ ...wakeName, attempt: isCount, nextAttemptAtMs: isCount }),
  acked: shaped({ ...wakeName, acks: listOf(isAck), done: isFlag }),
  released: shaped(wakeName),
  'lease-expired': shaped({ ...wakeName, by: isText, lease: isText }),
  deleted: shaped({}),
};

/** Undefined where the facts are none of ours, or broken. */
export function subscriptionFactOf(facts: Fields): SubscriptionFact | undefined {
  const { type } = facts;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return undefined;
  const check = shapes[type as SubscriptionFact['type']];
  return check(facts) ? (facts as unknown as SubscriptionFact) : undefined;
}
