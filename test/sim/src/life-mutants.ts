// Planted bugs of a session's life, and of what it may take in.

import type { FactDecision, SessionState } from '@tidemark/session';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { decideInstead } from './plant.ts';

const plan: Partial<Plan> = { disaster: 'none', hasOldRelease: false, hasLives: true };

/** A session as it would be, had nobody done anything to its life. */
function untouched(state: SessionState): SessionState {
  const { stream } = state;
  if (stream === undefined) return state;
  const lifecycle = {
    hold: undefined,
    isStarted: false,
    endedAtMs: undefined,
    archivedAtMs: undefined,
  };
  return { ...state, stream: { ...stream, aspects: { ...stream.aspects, lifecycle } } };
}

/** As if its requests had never been seen. */
function unaudited(state: SessionState): SessionState {
  const { stream } = state;
  if (stream === undefined) return state;
  const audit = { entries: [], dropped: 0 };
  return { ...state, stream: { ...stream, aspects: { ...stream.aspects, audit } } };
}

const onState =
  (change: (state: SessionState) => SessionState) =>
  (decide: FactDecision): FactDecision =>
  (state, context) =>
    decide(change(state), context);

const decidedOn = (change: (state: SessionState) => SessionState) => () =>
  decideInstead((command) =>
    command.kind === 'fact' ? { ...command, decide: onState(change)(command.decide) } : command,
  );

export const lifeMutants: readonly Mutant[] = [
  {
    name: 'act-on-a-life-unseen',
    breaks: 'an act is done only from the states that the table allows',
    plan,
    plant: decidedOn(untouched),
  },
  {
    name: 'act-repeated',
    seed: 5,
    breaks: 'of the attempts of one request one is done',
    plan,
    plant: decidedOn(unaudited),
  },
  {
    name: 'budget-not-looked-at',
    seed: 5,
    breaks: 'nothing but what settles is taken behind a limit',
    plan,
    tells: 'budget-exceeded',
    plant: () =>
      decideInstead((command) =>
        command.kind === 'append' && command.types?.every((type) => type === 'note') === true
          ? { ...command, types: command.types.map(() => 'session.error') }
          : command,
      ),
  },
];
