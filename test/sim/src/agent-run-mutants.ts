// Planted bugs of turns and of deliveries.

import { EventPoster } from '@tidemark/relay/testing';
import type { FactDecision, HeldTurn, SessionState } from '@tidemark/session';
import { textOf } from '@tidemark/std';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { changeFold, decideInstead, replace } from './plant.ts';

const plan: Partial<Plan> = { runs: 2, disaster: 'none', hasOldRelease: false };

/** The turn that runs, as if whoever asks had claimed it. */
function handedAgain({ stream }: SessionState): HeldTurn | undefined {
  const turns = stream?.aspects.turns;
  if (turns?.running === undefined) return undefined;
  const { id: turn, leaseMs, fromSeq, endSeq, startedAtMs } = turns.running;
  const { generation, inputEndSeq } = turns;
  return {
    turn,
    generation,
    isOver: false,
    reason: undefined,
    isCanceled: false,
    leaseMs,
    fromSeq,
    endSeq,
    inputEndSeq,
    startedAtMs,
    deadlineAtMs: startedAtMs,
    firstSeq: 0,
    tailSeq: 0,
  };
}

export const agentRunMutants: readonly Mutant[] = [
  {
    name: 'generation-claimed-twice',
    breaks: 'a claim draws the next generation: of two workers one has a turn',
    tells: 'generation',
    plan,
    plant: () =>
      decideInstead((command) => {
        if (command.kind !== 'fact') return command;
        const decide: FactDecision = (state, context) => {
          const outcome = command.decide(state, context);
          const isNothing = outcome.kind === 'answer' && outcome.answer === undefined;
          return isNothing ? { kind: 'answer', answer: handedAgain(state) } : outcome;
        };
        return { ...command, decide };
      }),
  },
  {
    name: 'delivery-told-before-its-answer',
    breaks: 'a delivery is told behind its answer: what was lost on its way is made again',
    tells: 'was not delivered',
    plan: { ...plan, disturbances: ['crash'] },
    plant: () =>
      replace(
        EventPoster.prototype,
        'post',
        (original) =>
          function post(this: EventPoster, letter, signal) {
            original.call(this, letter, signal).catch(() => undefined);
            return Promise.resolve({ kind: 'delivered', code: 200 });
          },
      ),
  },
  {
    name: 'steer-lost-between-turns',
    breaks: 'what is said while a turn runs waits for the next one',
    tells: 'is in no turn',
    plan,
    plant: () =>
      changeFold(
        (record) => record,
        (record, { state }) => {
          const { stream } = state;
          if (record.kind !== 'fact' || stream === undefined) return;
          if (!textOf(record.value).includes('"turn-ended"')) return;
          const turns = { ...stream.aspects.turns, waitingSeq: undefined };
          stream.aspects = { ...stream.aspects, turns };
        },
      ),
  },
  {
    name: 'open-calls-left',
    breaks: 'a turn ends with no call open, whoever ends it',
    tells: 'open',
    plan,
    plant: () =>
      changeFold(
        (record) => record,
        (record, { state }) => {
          const { stream } = state;
          const running = stream?.aspects.turns.running;
          if (stream === undefined || running === undefined || record.kind !== 'event') return;
          const turns = { ...stream.aspects.turns, running: { ...running, calls: [] } };
          stream.aspects = { ...stream.aspects, turns };
        },
      ),
  },
];
