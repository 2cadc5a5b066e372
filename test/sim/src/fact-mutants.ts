// Planted bugs of what a session is besides its events.

import type { PublishedSessions } from '@tidemark/replica';
import { SessionTable } from '@tidemark/replica/testing';
import { noAspects, type SessionState } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { decideInstead, replace, type Undo } from './plant.ts';

const plan: Partial<Plan> = {
  disaster: 'none',
  hasOldRelease: false,
  memoryBytesMax: 1_024,
  publishEveryMs: 20,
  tiering: undefined,
};

type StoredAspects = { facts?: { past?: unknown } };
interface Stored {
  readonly state: { readonly stream?: { aspects?: StoredAspects } };
}

/** Sessions come back from what is published without a part of what they are. */
const without = (
  published: PublishedSessions,
  strip: (stored: Stored) => void,
): PublishedSessions => ({
  at: published.at,
  load: async (keys, signal) => {
    const found = await published.load(keys, signal);
    const stripped = (bytes: Uint8Array): Uint8Array => {
      const stored = JSON.parse(textOf(bytes)) as Stored;
      strip(stored);
      return bytesOf(JSON.stringify(stored));
    };
    return new Map([...found].map(([key, bytes]) => [key, stripped(bytes)]));
  },
  scan: (range, signal) => published.scan(range, signal),
  catalog: (range, signal) => published.catalog(range, signal),
  usage: (range, signal) => published.usage(range, signal),
  due: (range, signal) => published.due(range, signal),
});

const publishedWithout = (strip: (stored: Stored) => void): Undo =>
  replace(
    SessionTable.prototype,
    'pinPublished',
    (original) =>
      function pinPublished(this: SessionTable, next) {
        original.call(this, without(next, strip));
      },
  );

/** As it would be if nobody had put anything. */
const unchanged = (state: SessionState): SessionState =>
  state.stream === undefined
    ? state
    : { ...state, stream: { ...state.stream, aspects: noAspects } };

export const factMutants: readonly Mutant[] = [
  {
    name: 'aspects-left-out',
    breaks: 'what is published of a session is all that the fold will ever ask of it',
    plan,
    plant: () => publishedWithout(({ state }) => delete state.stream?.aspects),
  },
  {
    name: 'past-facts-left-out',
    breaks: 'what a fact was at an event stays what it was',
    tells: 'fact-past-untrue',
    plan,
    plant: () => publishedWithout(({ state }) => delete state.stream?.aspects?.facts?.past),
  },
  {
    name: 'version-not-compared',
    breaks: 'of two who put a fact on one version, one does',
    plant: () =>
      decideInstead((command) => {
        if (command.kind !== 'fact') return command;
        const { decide } = command;
        return {
          ...command,
          decide: (state, context) => {
            const outcome = decide(state, context);
            const isConflict =
              outcome.kind === 'refused' && outcome.problem.code === 'fact-conflict';
            return isConflict ? decide(unchanged(state), context) : outcome;
          },
        };
      }),
  },
];
