// Planted bugs of what is archived, and of what the log is let go of.

import { ShardReplica } from '@tidemark/replica';
import { SegmentArchive } from '@tidemark/segments';
import { Tiering } from '@tidemark/segments/publish';
import { PastFold, SegmentWriter } from '@tidemark/segments/testing';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { replace } from './plant.ts';

const plan: Partial<Plan> = {
  disaster: 'none',
  memoryBytesMax: 1_024,
  publishEveryMs: 60,
  tiering: { segmentBytes: 200, everyMs: 50, keepBytes: 0, graceMs: 3_000, eraseAfterMs: 2_000 },
};

export const tieringMutants: readonly Mutant[] = [
  {
    name: 'event-left-out-of-a-segment',
    breaks: 'a segment has every event of its range',
    plan,
    plant: () =>
      replace(
        SegmentWriter.prototype,
        'add',
        (original) =>
          function add(this: SegmentWriter, session, events) {
            original.call(this, session, events.length > 1 ? events.slice(0, -1) : events);
          },
      ),
  },
  {
    name: 'trimmed-before-it-is-archived',
    breaks: 'the log is let go of only behind the manifest of its segments',
    plan,
    plant: () =>
      replace(
        Tiering.prototype,
        'trimTo',
        () =>
          function trimTo(this: Tiering, _manifest, anchor) {
            return anchor;
          },
      ),
  },
  {
    name: 'trimmed-beyond-the-sessions',
    breaks: 'the log is trimmed no farther than to what was published of the sessions',
    plan,
    plant: () =>
      replace(
        Tiering.prototype,
        'trimTo',
        () =>
          function trimTo(this: Tiering, { endOffset }) {
            return BigInt(endOffset);
          },
      ),
  },
  {
    name: 'archive-known-as-it-was',
    breaks: 'whoever reads what was archived since it looked finds it',
    plan,
    plant: () => {
      const first = new WeakMap<SegmentArchive, Awaited<ReturnType<SegmentArchive['manifest']>>>();
      return replace(
        SegmentArchive.prototype,
        'read',
        (original) =>
          async function read(this: SegmentArchive, run, sink, signal) {
            const known = first.get(this) ?? (await this.manifest(run.log, signal));
            first.set(this, known);
            const end = known?.endOffset ?? 0;
            const offsets = run.offsets.filter((offset) => offset < end);
            if (offsets.length > 0) await original.call(this, { ...run, offsets }, sink, signal);
          },
      );
    },
  },
  {
    name: 'merged-behind-the-fold',
    seed: 115,
    breaks: 'what is over is told by a fold that has passed all that is in the segments',
    plan: {
      ...plan,
      processes: 4,
      names: 3,
      operations: 250,
      readMsMax: 200,
      tiering: {
        segmentBytes: 100,
        everyMs: 50,
        keepBytes: 0,
        graceMs: 60_000,
        eraseAfterMs: 100,
      },
    },
    plant: () => {
      const undo = [
        replace(ShardReplica.prototype, 'foldAll', () => () => Promise.resolve()),
        replace(
          PastFold.prototype,
          'hold',
          () =>
            function hold(this: PastFold, keys) {
              return this.replica.hold(keys);
            },
        ),
      ];
      return () => {
        for (const each of undo) each();
      };
    },
  },
];
