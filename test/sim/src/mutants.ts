// Planted bugs: one or more for every rule that is due, and for every check of the checker. Each is
// found by the simulation, or the simulation is not worth its name.

import type { AppendOutcome, Shard, ShardBounds } from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import { ShardFold, ShardReplica } from '@tidemark/replica';
import { Flight, Page, ReadIndex } from '@tidemark/replica/testing';
import { SessionWrites, ShardWriter } from '@tidemark/replica/write';
import { recordsIn, type SessionState } from '@tidemark/session';
import { ForkRefs, Window } from '@tidemark/session/testing';
import { bytesOf } from '@tidemark/std';
import { agentRunMutants } from './agent-run-mutants.ts';
import { factMutants } from './fact-mutants.ts';
import { followMutants } from './follow-mutants.ts';
import { keepingMutants } from './keeping-mutants.ts';
import { lifeMutants } from './life-mutants.ts';
import { liveMutants } from './live-mutants.ts';
import type { Mutant } from './mutant.ts';
import { disturbances, type Plan } from './plan.ts';
import {
  both,
  changeAppended,
  changeFold,
  decideInstead,
  decideWith,
  renamed,
  replace,
  shareOf,
} from './plant.ts';
import { withOutcomes } from './process-ports.ts';
import { residencyMutants } from './residency-mutants.ts';
import { run } from './run.ts';
import { subscriptionMutants } from './subscription-mutants.ts';
import { tieringMutants } from './tiering-mutants.ts';

const refused: AppendOutcome = { kind: 'not-committed', reason: 'planted', retryable: true };

/** Commands of some kinds are answered, and nothing is written. */
const forgetCommands = (kinds: readonly string[]): (() => void) =>
  replace(
    ShardWriter.prototype,
    'submit',
    (original) =>
      function submit(this: ShardWriter, key, command) {
        if (!kinds.includes(command.kind)) return original.call(this, key, command);
        return Promise.resolve({ kind: 'done', wrote: true });
      },
  );

const forgetChain = (state: SessionState): void => {
  if (state.life !== 'absent') return;
  state.rev = 0;
  state.lastId = '';
};

/** Folds of processes of the older release. */
const oldFolds = new WeakSet<ShardFold>();

const everything: Partial<Plan> = {
  disturbances,
  faults: { before: 0.03, 'lost-request': 0.03, 'lost-reply': 0.05, late: 0.05, twice: 0.1 },
  lateMs: 1_500,
};

export const mutants: readonly Mutant[] = [
  {
    name: 'prev-ignored',
    breaks: 'a record belongs behind the one it was decided after: rev alone decides',
    plant: () =>
      changeFold((record, { state }) =>
        record.rev === state.rev ? { ...record, prev: state.lastId } : record,
      ),
  },
  {
    name: 'zombies-stand',
    breaks: 'a record is void once its place is taken',
    plant: () =>
      changeFold((record, { state }) => {
        const { stream } = state;
        if (record.kind !== 'event' || stream === undefined) return record;
        return { ...record, rev: state.rev, prev: state.lastId, seq: stream.tailSeq };
      }),
  },
  {
    name: 'acknowledged-by-base',
    breaks: 'answers come from the verdict of the fold',
    plant: () => replace(Flight.prototype, 'stands', () => () => true),
  },
  {
    name: 'answered-before-the-log',
    breaks: 'nothing is acknowledged before it is in the log',
    plant: () =>
      replace(
        Flight.prototype,
        'add',
        (original) =>
          function add(this: Flight, write) {
            original.call(this, write);
            const { pending, reply } = write;
            if (isProblem(reply)) return;
            pending.accept(reply);
          },
      ),
  },
  {
    name: 'refusals-from-own-fold',
    breaks: 'rule 1: answers that write nothing take the read-index first',
    plant: () => {
      let isRefusing = false;
      const undoDecide = decideWith((decide) => {
        const decision = decide();
        isRefusing = decision.kind !== 'write';
        return decision;
      });
      const undoRead = replace(
        ShardReplica.prototype,
        'readIndex',
        (original) =>
          function readIndex(this: ShardReplica) {
            const isSkipped = isRefusing;
            isRefusing = false;
            return isSkipped ? Promise.resolve() : original.call(this);
          },
      );
      return both(undoRead, undoDecide);
    },
  },
  {
    name: 'refusals-from-speculation',
    breaks: 'rule 1: never on speculative state',
    plant: () =>
      decideWith((decide, _flight, pending) => {
        const decision = decide();
        if (decision.kind === 'problem') {
          pending.refuse(decision.problem);
        }
        return decision;
      }),
  },
  {
    name: 'reads-of-own-fold',
    breaks: 'rule 2: reads that vouch for the end ask the log for it',
    plant: () =>
      replace(
        ShardReplica.prototype,
        'readIndex',
        () =>
          function readIndex(this: ShardReplica) {
            return Promise.resolve();
          },
      ),
  },
  {
    name: 'joins-question-under-way',
    seed: 5,
    breaks: 'rule 2: a request joins only a question sent after it arrived',
    plan: {
      clients: 6,
      processes: 2,
      names: 1,
      operations: 200,
      replyMsMax: 30,
      readMsMax: 60,
      deposedBoundsRate: 0,
      faults: {},
      disturbances: [],
      isExpiring: false,
      isForking: false,
    },
    plant: () => {
      const underWay = new WeakMap<ReadIndex, Map<Shard, Promise<ShardBounds>>>();
      return replace(
        ReadIndex.prototype,
        'boundsOf',
        (original) =>
          function boundsOf(this: ReadIndex, shard) {
            const asked = underWay.get(this) ?? new Map<Shard, Promise<ShardBounds>>();
            underWay.set(this, asked);
            const known = asked.get(shard);
            if (known !== undefined) return known;
            const answer = original.call(this, shard);
            asked.set(shard, answer);
            answer.catch(() => undefined).finally(() => asked.delete(shard));
            return answer;
          },
      );
    },
  },
  {
    name: 'unknown-taken-for-refused',
    breaks: 'rule 3: not-committed is a closed list, everything else is unknown',
    wrapLog: (log) =>
      withOutcomes(log, (outcome) => (outcome?.kind === 'unknown' ? refused : outcome)),
  },
  {
    name: 'leader-moved-taken-for-refused',
    seed: 25,
    breaks: 'rule 3: NOT_LEADER may come after the append',
    plan: { disturbances: ['fail-over'], disturbEveryMs: 40, replicationMsMax: 40, names: 2 },
    wrapLog: (log) =>
      withOutcomes(log, (outcome) => {
        const hasMoved = outcome?.kind === 'unknown' && outcome.reason === 'leader moved';
        return hasMoved ? refused : outcome;
      }),
  },
  {
    name: 'earlier-unknown-forgotten',
    breaks: 'rule 3: not-committed only if no earlier attempt of the batch was unknown',
    plan: { faults: { before: 0.25, 'lost-reply': 0.15, late: 0.1 }, lateMs: 100 },
    plant: () =>
      replace(
        Flight.prototype,
        'seal',
        (original) =>
          function seal(this: Flight) {
            Object.defineProperty(this, 'hadUnknown', { get: () => false, set: () => undefined });
            return original.call(this);
          },
      ),
  },
  {
    name: 'level-ignored',
    seed: 5,
    breaks: 'rule 4: a record of a higher level is void for everybody',
    plan: { disturbances: ['level', 'crash'], disturbEveryMs: 40 },
    plant: () => changeFold((record) => ({ ...record, level: 1 })),
  },
  {
    name: 'raise-not-understood',
    breaks: 'rule 4: who meets a level that it does not know stops serving the shard',
    plan: { disturbances: ['level'], disturbEveryMs: 40, hasOldRelease: true, isExpiring: false },
    onFold: (fold, isOld) => {
      if (isOld) oldFolds.add(fold);
    },
    plant: () =>
      changeFold((record, _session, fold) =>
        record.kind === 'level' && oldFolds.has(fold)
          ? { ...record, value: bytesOf('{"level":1}') }
          : record,
      ),
  },
  {
    name: 'stamped-beyond-the-shard',
    breaks: 'rule 4: deciders stamp the level that a record needs, and the shard has',
    plan: { disturbances: [], faults: {} },
    plant: () =>
      decideWith((decide) => {
        const decision = decide();
        if (decision.kind !== 'write') return decision;
        const stamped = [...recordsIn(decision.records)].map((record) =>
          record.kind === 'touch' || shareOf(record.id) < 0.02 ? { ...record, level: 2 } : record,
        );
        return { ...decision, records: stamped };
      }),
  },
  {
    name: 'log-epoch-ignored',
    breaks: 'rule 5: a record of another log epoch stops the shard',
    plan: { disaster: 'foreign-epoch' },
    plant: () =>
      changeFold((record, _session, fold) => ({
        ...record,
        logEpoch: fold.logEpoch ?? record.logEpoch,
      })),
  },
  {
    name: 'anchor-not-compared',
    seed: 48,
    breaks: 'rule 5: a log that was lost or replaced is noticed at the anchor',
    plan: {
      disaster: 'log-replaced',
      operations: 60,
      names: 1,
      isForking: false,
      isExpiring: false,
      hasOldRelease: false,
    },
    onFold: (fold) =>
      void Object.defineProperty(fold, 'anchor', { get: () => undefined, set: () => undefined }),
    plant: () =>
      replace(
        Flight.prototype,
        'seal',
        (original) =>
          function seal(this: Flight) {
            const batch = original.call(this);
            this.knownEnd = 0n;
            return batch;
          },
      ),
  },
  {
    name: 'tombstone-forgotten',
    seed: 6,
    breaks: 'rule 7: a tombstone keeps rev and last id',
    plan: { ...everything, lateMs: 8_000, names: 2, isExpiring: false },
    plant: () =>
      changeFold(
        (record) => record,
        (_record, { state }) => forgetChain(state),
      ),
  },
  {
    name: 'incarnation-not-fresh',
    breaks: 'rule 7: a create draws a random incarnation',
    plant: () =>
      replace(
        Flight.prototype,
        'decide',
        (original) =>
          function decide(this: Flight, pending, context) {
            if (pending.command.kind !== 'create') return original.call(this, pending, context);
            let isFirst = true;
            const newIds = (count: number): string => {
              const ids = isFirst ? 'always-the-same' : context.newIds(count);
              isFirst = false;
              return ids;
            };
            return original.call(this, pending, { ...context, newIds });
          },
      ),
  },
  {
    name: 'fork-without-reference',
    breaks: 'rule 8: first a reference into the source, then the create',
    plan: { isForking: true },
    plant: () => forgetCommands(['ref']),
  },
  {
    name: 'reference-never-given-back',
    breaks: 'rule 8: who folds the first record produces the second',
    plan: { isForking: true },
    plant: () => forgetCommands(['unref']),
  },
  {
    name: 'fork-not-burned',
    breaks: 'rule 8: a dangling reference is cleared by first burning the create',
    plan: {
      isForking: true,
      isExpiring: false,
      names: 3,
      clients: 2,
      disturbances: ['abandon'],
      abandonAfterMs: 500,
      lateMs: 3_000,
    },
    plant: () => forgetCommands(['burn']),
  },
  {
    name: 'reads-do-not-renew',
    breaks: 'rule 11: a read writes a touch, awaited',
    plan: { isExpiring: true, names: 1 },
    plant: () => replace(SessionWrites.prototype, 'renew', () => () => Promise.resolve()),
  },
  {
    name: 'expiry-without-margin',
    breaks: 'rule 11: expiry is due an eighth later, for the reads that were not written down',
    plan: { isExpiring: true, names: 1, operations: 200 },
    plant: () =>
      replace(
        Flight.prototype,
        'decide',
        (original) =>
          function decide(this: Flight, pending, context) {
            const nowMs = context.nowMs + 500;
            const isTold = pending.command.kind === 'append' || pending.command.kind === 'expire';
            return original.call(this, pending, isTold ? { ...context, nowMs } : context);
          },
      ),
  },
  {
    name: 'malformed-throws',
    breaks: 'rule 13: foreign or malformed records are void, and never thrown on',
    plant: () =>
      replace(
        ShardFold.prototype,
        'skip',
        (original) =>
          function skip(this: ShardFold, kind, offset) {
            if (kind === 'malformed') throw new Error(kind);
            original.call(this, kind, offset);
          },
      ),
  },
  {
    name: 'dedupe-forgets',
    breaks: 'rule 13: repeats are known inside the windows',
    plan: { names: 1, isForking: false, isExpiring: false, disturbances: [], operations: 200 },
    plant: () =>
      replace(
        Window.prototype,
        'set',
        (original) =>
          function set(this: Window<{ timeMs: number }>, key, value, bounds) {
            return original.call(this, key, value, { ...bounds, entriesMin: 1, windowMs: -1 });
          },
      ),
  },
  {
    name: 'window-bounded-by-itself',
    breaks: 'rule 13: what a window forgets is a function of the log, the same in every process',
    plan: { isForking: false, isExpiring: false },
    plant: () => {
      let calls = 0;
      return replace(
        Window.prototype,
        'set',
        (original) =>
          function set(this: Window<{ timeMs: number }>, key, value, bounds) {
            calls += 1;
            const entriesMax = calls % 5 === 0 ? 2 : bounds.entriesMax;
            return original.call(this, key, value, { ...bounds, entriesMax });
          },
      );
    },
  },
  {
    name: 'fork-bounds-by-itself',
    breaks: 'how many forks a source may have is a function of the log',
    plan: { isForking: true },
    plant: () => {
      let looks = 0;
      return replace(
        ForkRefs.prototype,
        'hasRoomFor',
        () =>
          function hasRoomFor(this: ForkRefs) {
            looks += 1;
            return looks % 3 > 0;
          },
      );
    },
  },
  {
    name: 'condition-ignored',
    breaks: 'of two conflicting conditional appends never both',
    plant: () =>
      decideInstead((command) =>
        command.kind === 'append' ? { ...command, matchSeq: undefined } : command,
      ),
  },
  {
    name: 'stream-seq-ignored',
    breaks: 'Stream-Seq rises',
    seed: 14,
    plant: () =>
      decideInstead((command) => {
        if (command.kind !== 'append' || command.streamSeq === undefined) return command;
        return { ...command, streamSeq: `${command.streamSeq}~` };
      }),
    plan: { names: 1, isForking: false, isExpiring: false, disturbances: [], operations: 200 },
  },
  {
    name: 'producers-not-fenced',
    breaks: "each producer's order is kept",
    plan: { names: 1, isForking: false, isExpiring: false },
    plant: () =>
      replace(
        Window.prototype,
        'get',
        (original) =>
          function get(this: Window<{ timeMs: number }>, key) {
            return key === 'shared' ? undefined : original.call(this, key);
          },
      ),
  },
  {
    name: 'close-forgotten',
    breaks: 'closed stays closed',
    plant: () =>
      changeFold(
        (record) => record,
        (record, { state }) => {
          const isLost = record.kind === 'event' && shareOf(record.id) < 0.5;
          if (state.stream === undefined || record.kind === 'event') return;
          if (!isLost && record.kind === 'touch') state.stream.isClosed = false;
          if (record.kind === 'close' && shareOf(record.id) < 0.5) state.stream.isClosed = false;
        },
      ),
  },
  {
    name: 'repeat-without-its-close',
    breaks: 'of an append whose events are there already, its close takes effect',
    plan: { names: 2, isForking: false, isExpiring: false, operations: 200 },
    plant: () =>
      decideInstead((command) =>
        command.kind === 'append' && command.eventIds !== undefined
          ? { ...command, close: false }
          : command,
      ),
  },
  {
    name: 'unknown-told-as-refused',
    breaks: 'effect none is a promise',
    plan: { ...everything, deadlineMs: 300 },
    plant: () =>
      replace(
        SessionWrites.prototype,
        'append',
        (original) =>
          async function append(this: SessionWrites, tenant, name, command) {
            try {
              return await original.call(this, tenant, name, command);
            } catch (cause) {
              throw renamed(cause, 'outcome-unknown', 'unavailable');
            }
          },
      ),
  },
  {
    name: 'one-seq-too-many',
    breaks: 'seqs are dense',
    plant: () =>
      replace(
        Page.prototype,
        'slice',
        (original) =>
          function slice(this: Page, bounds) {
            const sliced = original.call(this, bounds);
            if (sliced === undefined || sliced.endPosition % 7 !== 3) return sliced;
            return { ...sliced, endSeq: sliced.endSeq + 1 };
          },
      ),
  },
  {
    name: 'fork-reads-on-in-its-source',
    breaks: 'a fork shows the prefix of its source, and no more',
    plan: { isForking: true },
    plant: () =>
      replace(
        Page.prototype,
        'slice',
        (original) =>
          function slice(this: Page, bounds) {
            return original.call(this, { ...bounds, endPosition: Number.MAX_SAFE_INTEGER });
          },
      ),
  },
  {
    name: 'event-skipped',
    breaks: 'all readers see prefixes of one order',
    plant: () =>
      changeAppended((bodies, at) => {
        const values = bodies.values.map((body, index) =>
          (at.offset + index) % 11 === 5 && body.length > 20 ? body.slice().reverse() : body,
        );
        return [{ values }, at];
      }),
  },
  ...factMutants,
  ...agentRunMutants,
  ...lifeMutants,
  ...liveMutants,
  ...keepingMutants,
  ...followMutants,
  ...residencyMutants,
  ...subscriptionMutants,
  ...tieringMutants,
];

/** The first seed that finds a planted bug, and how; undefined where none of so many does. */
export async function findMutant(
  mutant: Mutant,
  seedsMax: number,
): Promise<{ readonly seed: number; readonly failure: string } | undefined> {
  const undo = mutant.plant?.() ?? (() => undefined);
  const { wrapLog, onFold, plan, tells = '', seed: known } = mutant;
  const options = {
    ...(wrapLog === undefined ? {} : { wrapLog }),
    ...(onFold === undefined ? {} : { onFold }),
    ...(plan === undefined ? {} : { reduce: plan }),
  };
  try {
    const others = Array.from({ length: seedsMax }, (_, index) => index + 1);
    for (const seed of known === undefined ? others : [known, ...others]) {
      const { failures } = await run(seed, options);
      const failure = failures.find((told) => told.includes(tells));
      if (failure !== undefined) return { seed, failure };
    }
    return undefined;
  } finally {
    undo();
  }
}
