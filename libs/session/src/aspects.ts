// What a session is besides its events. A raw stream has nothing of it until something is said that
// means something: events that carry a type, or facts.
//
// Every part is replaced, never changed, so that a speculative state shares it with the one it is from.

import { type Activity, isQuiet, quiet } from './activity.ts';
import { type Audit, noAudit } from './audit.ts';
import { noTokens, type Tokens } from './client-tokens.ts';
import { type Facts, noFacts } from './durable-facts.ts';
import { type Keeping, keepsAll } from './keeping.ts';
import { type Lifecycle, unstarted } from './lifecycle.ts';
import { noOutbox, type Outbox } from './outbox.ts';
import { emptyProfile, type Profile } from './profile.ts';
import { noTurns, type Turns } from './turns.ts';

export interface Aspects {
  readonly profile: Profile;
  readonly lifecycle: Lifecycle;
  readonly activity: Activity;
  readonly facts: Facts;
  readonly audit: Audit;
  readonly tokens: Tokens;
  readonly turns: Turns;
  readonly outbox: Outbox;
  readonly keeping: Keeping;
}

export const noAspects: Aspects = {
  profile: emptyProfile,
  lifecycle: unstarted,
  activity: quiet,
  facts: noFacts,
  audit: noAudit,
  tokens: noTokens,
  turns: noTurns,
  outbox: noOutbox,
  keeping: keepsAll,
};

/** Only what is not as it began, so that a raw stream stores nothing. */
export type EncodedAspects = Partial<Aspects>;

export function encodeAspects(aspects: Aspects): EncodedAspects | undefined {
  const { profile, lifecycle, activity, facts, audit, tokens, turns, outbox, keeping } = aspects;
  if (aspects === noAspects) return undefined;
  return {
    ...(profile === emptyProfile ? {} : { profile }),
    ...(lifecycle === unstarted ? {} : { lifecycle }),
    ...(isQuiet(activity) ? {} : { activity }),
    ...(facts === noFacts ? {} : { facts }),
    ...(audit === noAudit ? {} : { audit }),
    ...(tokens.length === 0 ? {} : { tokens }),
    ...(turns === noTurns ? {} : { turns }),
    ...(outbox === noOutbox ? {} : { outbox }),
    ...(keeping === keepsAll ? {} : { keeping }),
  };
}

/** JSON drops what is undefined: every field is there again. */
export function decodeAspects(encoded: EncodedAspects | undefined): Aspects {
  if (encoded === undefined) return noAspects;
  const { profile, lifecycle, activity, facts, audit, tokens, turns, outbox, keeping } = encoded;
  return {
    profile: profile === undefined ? emptyProfile : { ...emptyProfile, ...profile },
    lifecycle: lifecycle === undefined ? unstarted : { ...unstarted, ...lifecycle },
    activity:
      activity === undefined
        ? quiet
        : { ...quiet, ...activity, usage: { ...quiet.usage, ...activity.usage } },
    facts: facts === undefined ? noFacts : { ...noFacts, ...facts },
    audit: audit ?? noAudit,
    tokens: tokens ?? noTokens,
    turns: turns === undefined ? noTurns : { ...noTurns, ...turns },
    outbox: outbox === undefined ? noOutbox : { ...noOutbox, ...outbox },
    keeping: keeping === undefined ? keepsAll : { ...keepsAll, ...keeping },
  };
}

/** Objects of an activity that is not as it began. */
const activityBytes = 640;
const entryBytes = {
  pending: 64,
  thread: 240,
  outcome: 400,
  audit: 320,
  fact: 240,
  token: 400,
  turn: 480,
  destination: 1_600,
  delivery: 320,
  redacted: 96,
};

/** What they take on the heap. */
export function aspectsBytes(aspects: Aspects): number {
  if (aspects === noAspects) return 0;
  const { profile, activity, facts, audit, tokens, turns, outbox, keeping } = aspects;
  let deliveries = 0;
  for (const { entries } of outbox.destinations) deliveries += entries.length;
  return (
    2 * profile.bytes +
    activityBytes +
    entryBytes.pending * activity.pending.length +
    entryBytes.thread * activity.threads.length +
    entryBytes.outcome * activity.outcomes.length +
    entryBytes.audit * audit.entries.length +
    entryBytes.fact * (facts.count + facts.past.entries.length) +
    entryBytes.token * tokens.length +
    entryBytes.turn * (turns === noTurns ? 0 : 2 + turns.ended.length) +
    entryBytes.destination * outbox.destinations.length +
    entryBytes.delivery * deliveries +
    entryBytes.redacted * keeping.redacted.length +
    2 * (facts.bytes + facts.past.bytes)
  );
}
