// A shard as the fold of its log.
//
// (1) Records are folded in offset order, each once; `position` is the next offset.
// (2) Whatever is not ours, or broken, is void and counted; it never throws.
// (3) A well-formed record of another log epoch, or a fold level that is not known here, stops the
//     shard: rules 4 and 5.
// (4) The digest covers every offset with its verdict, so that replicas can be compared.

import {
  absentSession,
  type DecidedRecord,
  evolve,
  foldLevelOf,
  isNext,
  recordCount,
  type SessionRecord,
  type SessionState,
} from '@tidemark/session';
import { assert } from '@tidemark/std';
import type { Anchor } from './anchor.ts';
import type { Budget } from './budget.ts';
import { DigestMarks } from './digest-marks.ts';
import { EventIndex } from './event-index.ts';
import type { FoldedSession } from './folded-session.ts';
import type { FoldPoint, PublishedSessions } from './published.ts';
import { SessionTable } from './session-table.ts';
import { levelAdvice, ShardStopped } from './shard-stop.ts';

/** How a topic's record keys name tenants and sessions. */
export type KeySpace =
  | { readonly kind: 'own'; readonly tenant: string }
  | { readonly kind: 'pool' };

/** The reserved session of a shard itself. */
export const shardSession = '$shard';

export function keyOf(space: KeySpace, tenant: string, name: string): string {
  return space.kind === 'own' || name === shardSession ? name : `${tenant}/${name}`;
}

function ownerOf(space: KeySpace, key: string): { tenant: string; name: string } {
  if (space.kind === 'own') return { tenant: space.tenant, name: key };
  const slash = key.indexOf('/');
  if (slash === -1) return { tenant: '', name: key };
  return { tenant: key.slice(0, slash), name: key.slice(slash + 1) };
}

export interface FoldCounts {
  valid: number;
  void: number;
  foreign: number;
  malformed: number;
}

export interface ShardFoldParts {
  readonly budget: Budget;
  /** A session came into memory as it was published. */
  readonly onLoaded: (session: FoldedSession) => void;
}

export interface ShardFoldOptions {
  readonly space: KeySpace;
  /** Undefined only for the control log, whose first valid genesis record tells it. */
  readonly logEpoch: string | undefined;
  /** The highest fold level that this binary understands. */
  readonly knownLevel: number;
  /** The level that the shard begins at; that of the control log is told by its genesis. */
  readonly level?: number;
}

export class ShardFold {
  level: number;
  logEpoch: string | undefined;
  digest = 0;
  readonly counts: FoldCounts = { valid: 0, void: 0, foreign: 0, malformed: 0 };
  readonly space: KeySpace;
  readonly knownLevel: number;
  readonly table: SessionTable;
  readonly #budget: Budget;
  readonly #marks = new DigestMarks();
  // Offsets count as numbers in here, where every record meets them.
  #next = 0;
  #anchorOffset = -1;
  #anchorId = '';

  constructor(parts: ShardFoldParts, options: ShardFoldOptions) {
    this.#budget = parts.budget;
    this.space = options.space;
    this.logEpoch = options.logEpoch;
    this.level = options.level ?? 1;
    this.knownLevel = options.knownLevel;
    this.table = new SessionTable({
      budget: parts.budget,
      absent: (key) => this.absent(key),
      onLoaded: parts.onLoaded,
    });
  }

  /** The next offset. */
  get position(): bigint {
    return BigInt(this.#next);
  }

  /** The last record folded, whoever wrote it. */
  get anchor(): Anchor | undefined {
    if (this.#anchorOffset === -1) return undefined;
    return { offset: BigInt(this.#anchorOffset), id: this.#anchorId };
  }

  /** Where it stands, for those who begin here. */
  get point(): FoldPoint {
    const { position, level, logEpoch, anchor, digest } = this;
    return { position, level, logEpoch, anchor, digest, mark: this.#marks.newest };
  }

  /** Whether another fold of the same log, as it was published, came to something else. */
  disagreesWith({ mark }: FoldPoint): boolean {
    const mine = mark === undefined ? undefined : this.#marks.at(mark.offset);
    return mine !== undefined && mine !== mark?.digest;
  }

  /** Begins where another fold of the same log stood, with its sessions. */
  restart(published: PublishedSessions, found: ReadonlyMap<string, Uint8Array>): void {
    const { position, level, logEpoch, anchor, digest } = published.at;
    if (level > this.knownLevel) throw unknownLevel(level, this.knownLevel);
    if (this.logEpoch !== undefined && logEpoch !== this.logEpoch) {
      throw foreignEpoch(this.logEpoch, logEpoch);
    }
    this.table.restart(published, found);
    this.#next = Number(position);
    this.level = level;
    this.logEpoch = logEpoch;
    this.#anchorOffset = anchor === undefined ? -1 : Number(anchor.offset);
    this.#anchorId = anchor?.id ?? '';
    this.digest = digest;
    this.#marks.clear();
  }

  /** What a session is before its first record. */
  absent(key: string): SessionState {
    const { tenant, name } = ownerOf(this.space, key);
    return absentSession(tenant, name);
  }

  /** What is at an offset, and says nothing that the fold could take in. */
  skip(kind: 'foreign' | 'malformed', offset: number): void {
    this.counts[kind] += 1;
    this.#advance(offset, '', false);
  }

  /** Folds the record, or the run of them, that the log has from an offset on, and tells its verdict. */
  fold(session: FoldedSession, record: DecidedRecord, offset: number): boolean {
    assert(session.isResident, 'a verdict is given on a state that was loaded');
    assert(offset >= this.#next, 'records are folded in offset order');
    this.#checkEpoch(session, record);
    const before = session.state.stream;
    const keptBefore = before?.aspects.keeping.version;
    const mayStand = record.level <= this.level && isNext(session.state, record);
    if (mayStand) this.table.willChange(session);
    const isValid = mayStand && evolve(session.state, record);
    const count = recordCount(record);
    if (isValid) {
      this.#keepEvents(session, record, { offset, before });
      if (before?.aspects.keeping.version !== keptBefore) session.events?.coolAll();
      if (session.state.name === shardSession && record.kind !== 'run') this.#evolveShard(record);
      this.counts.valid += count;
      this.table.sawRecord(session, offset + count - 1);
    } else {
      this.counts.void += count;
    }
    const lastId = record.kind === 'run' ? record.lastId : record.id;
    for (let index = 0; index < count; index += 1) this.#advance(offset + index, lastId, isValid);
    return isValid;
  }

  #keepEvents(
    session: FoldedSession,
    record: DecidedRecord,
    at: { readonly offset: number; readonly before: SessionState['stream'] },
  ): void {
    const { stream } = session.state;
    const { timeMs } = record;
    if (record.kind === 'run') {
      session.events?.append(record, { offset: at.offset, timeMs });
    } else if (record.kind === 'event') {
      session.events?.append({ values: [record.value] }, { offset: at.offset, timeMs });
    } else if (stream !== at.before) {
      session.events?.discard();
      session.events =
        stream === undefined
          ? undefined
          : new EventIndex(this.#budget, {
              seq: stream.tailSeq,
              position: stream.tailPosition,
              isJson: stream.isJson,
            });
    }
  }

  #checkEpoch(session: FoldedSession, record: DecidedRecord): void {
    if (this.logEpoch === record.logEpoch) return;
    // Of two that were written at once the first stands; the other is void like any late record.
    if (record.kind === 'genesis' && session.state.name === shardSession) return;
    throw foreignEpoch(this.logEpoch, record.logEpoch);
  }

  #evolveShard(record: SessionRecord): void {
    const isFirst = record.kind === 'genesis' && this.logEpoch === undefined;
    if (isFirst) this.logEpoch = record.logEpoch;
    const level = isFirst || record.kind === 'level' ? foldLevelOf(record) : undefined;
    if (level === undefined || level <= this.level) return;
    if (level > this.knownLevel) throw unknownLevel(level, this.knownLevel);
    this.level = level;
  }

  #advance(offset: number, id: string, isValid: boolean): void {
    this.#marks.pass(offset, this.digest);
    this.#next = offset + 1;
    this.#anchorOffset = offset;
    this.#anchorId = id;
    const low = offset % 0x40000000;
    this.digest =
      (Math.imul(this.digest ^ (low * 2 + (isValid ? 1 : 0)), 0x01000193) + 0x9e3779b9) >>> 0;
  }
}

const foreignEpoch = (expected: string | undefined, actual: string | undefined): ShardStopped =>
  new ShardStopped(
    'foreign-epoch',
    `a record of another log epoch. expected=${expected} actual=${actual}`,
    'the topic holds another log: restore the right one, or start a new log epoch',
  );

const unknownLevel = (level: number, known: number): ShardStopped =>
  new ShardStopped(
    'unknown-level',
    `the fold level rose beyond this binary. level=${level} known=${known}`,
    levelAdvice,
  );
