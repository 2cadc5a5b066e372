// What owners and relays ask of a session's deliveries, decided on its state.

import { limits, Problem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import type { FactDecision } from './commands.ts';
import { Chain, liveStream } from './decision.ts';
import {
  type Destination,
  type DestinationState,
  destinationOf,
  evolveOutbox,
  type OutboxFact,
} from './outbox.ts';
import type { Draft } from './record.ts';
import type { Actor } from './session-facts.ts';
import type { StreamState } from './state.ts';

type Outcome = ReturnType<FactDecision>;

const onStream =
  (decide: (stream: StreamState, timeMs: number) => Outcome): FactDecision =>
  (state, context) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) return { kind: 'refused', problem: stream };
    return decide(stream, Chain.timeOf(state, context));
  };

const refuse = (problem: Problem): Outcome => ({ kind: 'refused', problem });
const noSuch = (what: string): Outcome =>
  refuse(new Problem('not-found', `the session has no such ${what}`));

const written = (fact: OutboxFact & Actor, answer: unknown): Outcome => ({
  kind: 'records',
  drafts: [{ kind: 'fact', value: bytesOf(JSON.stringify(fact)) }],
  answer,
});

/** `change` makes of what is there what is to be. It gets what is said from now on. */
export const decidePutDestination = (
  id: string,
  change: (known: DestinationState | undefined) => Destination | Problem,
  actor: Actor,
): FactDecision =>
  onStream((stream, timeMs) => {
    if (stream.aspects.lifecycle.archivedAtMs !== undefined) {
      return refuse(new Problem('session-archived', 'archived: it is only read now'));
    }
    if (!stream.isJson) {
      return refuse(
        new Problem('content-type-mismatch', 'only events that are JSON are delivered'),
      );
    }
    const { outbox } = stream.aspects;
    const known = destinationOf(outbox, id);
    const destination = change(known);
    if (destination instanceof Problem) return refuse(destination);
    const { tailSeq } = stream;
    const fact: OutboxFact = { type: 'destination-put', destination, afterSeq: tailSeq };
    const next = evolveOutbox(outbox, fact, { timeMs, tailSeq });
    if (next === undefined) return refuse(tooMany());
    return written({ ...fact, ...actor }, destinationOf(next, id));
  });

const tooMany = (): Problem =>
  new Problem('too-large', `a session has at most ${limits.destinationsMax} destinations`, {
    facts: { limit: 'destinationsMax', limitBytes: limits.destinationsMax },
  });

export const decideRemoveDestination = (id: string, actor: Actor): FactDecision =>
  onStream(({ aspects }) =>
    destinationOf(aspects.outbox, id) === undefined
      ? noSuch('destination')
      : written({ type: 'destination-removed', id, ...actor }, undefined),
  );

export interface Redelivery {
  readonly seq: number;
  readonly eventId: string;
}

/** `asked` finds on the state what is to be delivered again: all of it, or none. Answers with how many. */
export const decideRedeliver = (
  destination: string,
  asked: (known: DestinationState, stream: StreamState) => readonly Redelivery[],
  actor: Actor,
): FactDecision =>
  onStream((stream, timeMs) => {
    const { tailSeq } = stream;
    let { outbox } = stream.aspects;
    const known = destinationOf(outbox, destination);
    if (known === undefined) return noSuch('destination');
    const drafts: Draft[] = [];
    for (const { seq, eventId } of asked(known, stream)) {
      const fact: OutboxFact = { type: 'redelivery-asked', destination, seq, eventId };
      const next = evolveOutbox(outbox, fact, { timeMs, tailSeq });
      if (next === undefined) return noSuch('delivery');
      outbox = next;
      drafts.push({ kind: 'fact', value: bytesOf(JSON.stringify({ ...fact, ...actor })) });
    }
    if (drafts.length === 0) return { kind: 'answer', answer: 0 };
    return { kind: 'records', drafts, answer: drafts.length };
  });

/** Answers with the generation, or nothing where another was first. */
export const decideClaimOutbox = (holder: string, seen: number, requestId: string): FactDecision =>
  onStream(({ aspects }) => {
    const { generation, destinations } = aspects.outbox;
    const isLate = generation !== seen || destinations.length === 0;
    if (isLate) return { kind: 'answer', answer: undefined };
    const next = generation + 1;
    const fact = { type: 'outbox-claimed', holder, generation: next } as const;
    return written({ ...fact, by: 'relay', requestId }, next);
  });

/** Answers whether it stands: where another has taken over, that one delivers again. */
export const decideTellDelivery = (
  fact: Extract<OutboxFact, { type: 'delivery-told' | 'deliveries-passed' }>,
  requestId: string,
): FactDecision =>
  onStream(({ aspects, tailSeq }, timeMs) => {
    const stands = evolveOutbox(aspects.outbox, fact, { timeMs, tailSeq }) !== undefined;
    if (!stands) return { kind: 'answer', answer: false };
    return written({ ...fact, by: 'relay', requestId }, true);
  });
