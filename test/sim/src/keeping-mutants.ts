// Planted bugs of what sessions keep no more.

import { EventIndex } from '@tidemark/replica/testing';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { changeFold, replace } from './plant.ts';

const plan: Partial<Plan> = { disaster: 'none', hasOldRelease: false };

export const keepingMutants: readonly Mutant[] = [
  {
    name: 'redacted-stays-in-memory',
    breaks: 'what was redacted is gone for every reader',
    plan,
    tells: 'kept-too-long',
    plant: () => replace(EventIndex.prototype, 'coolAll', () => () => undefined),
  },
  {
    name: 'head-goes-farther-than-asked',
    breaks: 'nothing goes that nobody asked for',
    plan,
    tells: 'kept-no-more',
    plant: () =>
      changeFold(
        (record) => record,
        (_record, { state }) => {
          const { stream } = state;
          const { keeping } = stream?.aspects ?? {};
          if (stream === undefined || keeping === undefined) return;
          const { seq } = keeping.head;
          if (seq === 0 || seq % 2 === 0 || seq >= stream.tailSeq) return;
          const head = { seq: seq + 1, position: seq + 1 };
          stream.aspects = { ...stream.aspects, keeping: { ...keeping, head } };
        },
      ),
  },
  {
    name: 'head-comes-back',
    breaks: 'the head never goes back',
    plan,
    tells: 'kept-too-long',
    plant: () =>
      changeFold(
        (record) => record,
        (record, { state }) => {
          const { stream } = state;
          if (stream === undefined || record.kind !== 'event') return;
          const { keeping } = stream.aspects;
          if (keeping.head.seq === 0) return;
          const head = { seq: 0, position: 0 };
          stream.aspects = { ...stream.aspects, keeping: { ...keeping, head } };
        },
      ),
  },
];
