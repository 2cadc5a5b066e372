// Planted bugs of what is in memory and what is looked up.

import { type PublishedSessions, ShardReplica } from '@tidemark/replica';
import {
  Budget,
  CatalogTail,
  DueQueue,
  Feed,
  Flight,
  SessionTable,
  SimulatedPublications,
} from '@tidemark/replica/testing';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { both, changeAppended, replace, replaceGetter } from './plant.ts';

const plan: Partial<Plan> = {
  disaster: 'none',
  hasOldRelease: false,
  memoryBytesMax: 1_024,
  publishEveryMs: 20,
  publicationFaults: { delayMsMax: 5, failsOneIn: 0 },
  tiering: undefined,
};

/** Everything that was published is absent. */
const empty = (published: PublishedSessions): PublishedSessions => ({
  at: published.at,
  load: () => Promise.resolve(new Map()),
  scan: (range, signal) => published.scan(range, signal),
  catalog: (range, signal) => published.catalog(range, signal),
  usage: (range, signal) => published.usage(range, signal),
  due: (range, signal) => published.due(range, signal),
});

/** Nothing that was published is due but what is owed. */
const undue = (published: PublishedSessions): PublishedSessions => ({
  at: published.at,
  load: (keys, signal) => published.load(keys, signal),
  scan: (range, signal) => published.scan(range, signal),
  catalog: (range, signal) => published.catalog(range, signal),
  usage: (range, signal) => published.usage(range, signal),
  due: ({ fromMs }, signal) => published.due({ fromMs, toMs: 0 }, signal),
});

export const residencyMutants: readonly Mutant[] = [
  {
    name: 'absence-taken-for-granted',
    breaks: 'a verdict is given on a state that was loaded',
    plan,
    plant: () =>
      replace(
        SessionTable.prototype,
        'pinPublished',
        (original) =>
          function pinPublished(this: SessionTable, published) {
            original.call(this, empty(published));
          },
      ),
  },
  {
    name: 'dirty-evicted',
    breaks: 'a session leaves memory only once its last record is published',
    plan,
    plant: () =>
      replace(
        SessionTable.prototype,
        'sawRecord',
        (original) =>
          function sawRecord(this: SessionTable, session, offset) {
            original.call(this, session, offset);
            session.dirtyAt = -1;
          },
      ),
  },
  {
    name: 'held-evicted',
    breaks: 'what somebody holds stays in memory',
    plan,
    plant: () => replace(Budget.prototype, 'setBusy', () => () => undefined),
  },
  {
    name: 'manifest-moved-too-early',
    breaks: 'rule 6: a newer manifest is pinned only once the fold has passed it',
    plan: { ...plan, processes: 3, readMsMax: 60 },
    plant: () =>
      replace(
        ShardReplica.prototype,
        'moveTo',
        () =>
          function moveTo(this: ShardReplica, published) {
            if (this.isServing) this.fold.table.pinPublished(published);
            return Promise.resolve();
          },
      ),
  },
  {
    name: 'snapshot-of-later',
    breaks: 'what is published at a position is the fold of the log below it',
    plan: { ...plan, publicationFaults: { delayMsMax: 60, failsOneIn: 0 } },
    plant: () => replace(SessionTable.prototype, 'willChange', () => () => undefined),
  },
  {
    name: 'moved-in-no-order',
    breaks: 'on a shelf by change a session stands where its state changed last',
    tells: 'lists',
    plan: { ...plan, publishEveryMs: 0 },
    plant: () => {
      const placed = new WeakMap<object, unknown>();
      return replace(
        CatalogTail.prototype,
        'changed',
        (original) =>
          function changed(this: CatalogTail, session) {
            const { stream } = session.state;
            if (stream !== undefined && placed.get(session) === stream) return;
            placed.set(session, stream);
            original.call(this, session);
          },
      );
    },
  },
  {
    name: 'restored-debts-forgotten',
    breaks: 'what a restored state owes is owed',
    plan: { ...plan, isForking: true, disturbances: ['crash', 'abandon'], disturbEveryMs: 40 },
    plant: () =>
      both(
        replace(Feed.prototype, 'loaded', () => () => undefined),
        replace(Feed.prototype, 'begun', () => () => undefined),
      ),
  },
  {
    name: 'ends-forgotten',
    breaks: 'a session whose time is over ends though nobody asks for it',
    plan: { disaster: 'none', isExpiring: true, publishEveryMs: 0 },
    plant: () => replace(DueQueue.prototype, 'take', () => () => undefined),
  },
  {
    name: 'published-ends-forgotten',
    seed: 38,
    breaks: 'the ends of what is published are looked for there',
    plan: { ...plan, isExpiring: true },
    plant: () =>
      replace(
        SimulatedPublications.prototype,
        'newest',
        (original) =>
          async function newest(this: SimulatedPublications, shard) {
            const published = await original.call(this, shard);
            return published === undefined ? undefined : undue(published);
          },
      ),
  },
  {
    name: 'folds-differ',
    seed: 16,
    breaks: 'a replica that disagrees with what is published stops',
    plan: { ...plan, processes: 3 },
    tells: 'another fold of this log was published',
    plant: () =>
      replace(
        ShardReplica.prototype,
        'foldOwn',
        (original) =>
          function foldOwn(this: ShardReplica, written, baseOffset) {
            const verdicts = original.call(this, written, baseOffset);
            this.fold.digest ^= 1;
            return verdicts;
          },
      ),
  },
  {
    name: 'run-off-by-one',
    breaks: 'each event of a run is read again where its record lies',
    plan,
    plant: () =>
      changeAppended((bodies, at) => {
        const isRun = bodies.values.length > 1;
        return [bodies, isRun ? { ...at, offset: at.offset + 1 } : at];
      }),
  },
  {
    name: 'own-records-not-fed',
    seed: 16,
    breaks: 'the feed tells of own records as of read ones',
    plan: { disaster: 'none', processes: 2, subscriptions: 3 },
    plant: () => {
      let isOwn = false;
      const undoFold = replace(
        ShardReplica.prototype,
        'foldOwn',
        (original) =>
          function foldOwn(this: ShardReplica, written, baseOffset) {
            isOwn = true;
            try {
              return original.call(this, written, baseOffset);
            } finally {
              isOwn = false;
            }
          },
      );
      const undoStep = replace(
        Feed.prototype,
        'step',
        (original) =>
          function step(this: Feed, changed) {
            if (!isOwn) original.call(this, changed);
          },
      );
      return both(undoStep, undoFold);
    },
  },
  {
    name: 'void-behind-a-reload',
    seed: 21,
    breaks: 'rule 6: with a batch unresolved across a reload, a void verdict proves nothing',
    plan: {
      ...plan,
      publishEveryMs: 10,
      // Who reads late has the log let go in front of it.
      readMsMax: 200,
      tiering: { segmentBytes: 1, everyMs: 60, keepBytes: 0, graceMs: 3_000, eraseAfterMs: 2_000 },
      processes: 3,
      disturbances: ['pause', 'fail-over'],
      disturbEveryMs: 40,
      faults: { 'lost-reply': 0.2, late: 0.1 },
      names: 2,
    },
    plant: () => replaceGetter(Flight.prototype, 'isInDoubt', () => false),
  },
];
