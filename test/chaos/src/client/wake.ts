// A wake as a worker or a webhook holds it, and what the history says of it.

import type { SubscriptionPosition } from '@tidemark/checker';
import { seqIn, tagIn } from './answers.ts';
import { fullName, type Named } from './names.ts';
import type { Answer } from './recorder.ts';
import type { SubscriptionSpec } from './subscription-specs.ts';

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
  readonly stream: string;
  readonly offset: string;
}

export const namedOf = ({ names }: SubscriptionSpec, path: string): Named | undefined =>
  names.find(({ name }) => name === path);

export const positionsOf = (
  spec: SubscriptionSpec,
  acks: readonly WakeAck[],
): SubscriptionPosition[] =>
  acks.flatMap(({ stream, offset }) => {
    const named = namedOf(spec, stream);
    if (named === undefined) return [];
    return [{ session: fullName(named), life: tagIn(offset), seq: seqIn(offset) }];
  });

export function toldAnswer(
  spec: SubscriptionSpec,
  { generation, wake_id: wake, streams }: ToldWake,
): Answer {
  const positions = streams.flatMap(({ path, acked_offset, tail_offset }) => {
    const [acked] = positionsOf(spec, [{ stream: path, offset: acked_offset }]);
    return acked === undefined ? [] : [{ ...acked, tail: seqIn(tail_offset) }];
  });
  return { outcome: 'ok', generation, wake, positions };
}

/** Everything that was pending, acknowledged. */
export const allAcks = ({ streams }: Pick<HeldWake, 'streams'>): WakeAck[] =>
  streams
    .filter(({ has_pending }) => has_pending)
    .map(({ path, tail_offset: offset }) => ({ stream: path, offset }));
