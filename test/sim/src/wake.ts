// A wake as a worker or a webhook holds it, and what the history says of it.

import type { Call, Return, SubscriptionPosition } from '@tidemark/checker';
import { parseCursor } from '@tidemark/protocol';
import type { Named } from './names.ts';
import type { SubscriptionSpec } from './subscription-spec.ts';

export interface ListedStream {
  readonly path: string;
  readonly acked_offset: string;
  readonly tail_offset: string;
  readonly has_pending: boolean;
}

/** What a claim is answered with, and what a webhook is told. */
export interface ToldWake {
  readonly wake_id: string;
  readonly generation: number;
  readonly streams: readonly ListedStream[];
}

export interface HeldWake {
  readonly spec: SubscriptionSpec;
  readonly wakeId: string;
  readonly generation: number;
  readonly token: string;
  readonly streams: readonly ListedStream[];
}

export interface WakeAck {
  readonly path: string;
  readonly offset: string;
}

/** Positions of a fork may be its source's: nothing is said of them. */
const namedOf = (
  names: readonly Named[],
  { tenant }: SubscriptionSpec,
  path: string,
): Named | undefined =>
  names.find((named) => named.tenant === tenant && named.name === path && named.tier === 0);

export function acksOf(
  names: readonly Named[],
  spec: SubscriptionSpec,
  acks: readonly WakeAck[],
): SubscriptionPosition[] {
  return acks.flatMap(({ path, offset }) => {
    const named = namedOf(names, spec, path);
    if (named === undefined) return [];
    const { position: seq, tag: life } = parseCursor(offset);
    return [{ session: named.full, life, seq }];
  });
}

export function toldAnswer(
  names: readonly Named[],
  spec: SubscriptionSpec,
  { generation, wake_id: wake, streams }: ToldWake,
): Pick<Return, 'outcome' | 'generation' | 'wake' | 'positions'> {
  const positions = streams.flatMap(({ path, acked_offset, tail_offset }) => {
    const acks = acksOf(names, spec, [{ path, offset: acked_offset }]);
    return acks.map((acked) => ({ ...acked, tail: parseCursor(tail_offset).position }));
  });
  return { outcome: 'ok', generation, wake, positions };
}

/** What is common to all that is asked of a subscription. */
export const callOf = (
  { full }: SubscriptionSpec,
  type: Call['type'],
): Pick<Call, 'session' | 'subscription' | 'type'> => ({
  session: full,
  subscription: full,
  type,
});

/** Everything that was pending, acknowledged. */
export const allAcks = ({ streams }: Pick<HeldWake, 'streams'>): WakeAck[] =>
  streams
    .filter(({ has_pending }) => has_pending)
    .map(({ path, tail_offset: offset }) => ({ path, offset }));
