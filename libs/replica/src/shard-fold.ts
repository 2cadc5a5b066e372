// A shard as the fold of its log.
//
// (1) Records are folded in offset order, each once; `position` is the next offset.
// (2) Whatever is not ours, or broken, is void and counted; it never throws.
// (3) A well-formed record of another log epoch, or a fold level that is not known here, stops the
//     shard: rules 4 and 5.
// (4) The digest covers every offset with its verdict, so that replicas can be compared.

import type { StoredRecord } from '@tidemark/ports';
import {
  absentSession,
  decodeRecord,
  evolve,
  foldLevelOf,
  type SessionRecord,
  type SessionState,
} from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { Content } from './content.ts';
import type { HotBudget } from './hot-budget.ts';

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

export type StopReason =
  | 'corrupt'
  | 'foreign-epoch'
  | 'log-lost'
  | 'log-replaced'
  | 'log-trimmed'
  | 'unknown-level'
  | 'unsafe-topic';

export const levelAdvice = 'replace this process by the release that raised the level';

/** The shard serves nothing until an operator has looked: `advice` says at what. */
export class ShardStopped extends Error {
  override readonly name = 'ShardStopped';
  readonly reason: StopReason;
  readonly advice: string;

  constructor(reason: StopReason, message: string, advice: string) {
    super(message);
    this.reason = reason;
    this.advice = advice;
  }
}

export interface FoldedSession {
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly state: SessionState;
  /** Of the incarnation that lives, or is gone with forks left. */
  content: Content | undefined;
  /** Called behind every fold step that changed the session. */
  readonly followers: Set<() => void>;
}

export interface Anchor {
  readonly offset: bigint;
  readonly id: string;
}

export interface FoldCounts {
  valid: number;
  void: number;
  foreign: number;
  malformed: number;
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
  readonly #budget: HotBudget;
  readonly #sessions = new Map<string, FoldedSession>();
  // Offsets count as numbers in here, where every record meets them.
  #next = 0;
  #anchorOffset = -1;
  #anchorId = '';

  constructor(budget: HotBudget, options: ShardFoldOptions) {
    this.#budget = budget;
    this.space = options.space;
    this.logEpoch = options.logEpoch;
    this.level = options.level ?? 1;
    this.knownLevel = options.knownLevel;
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

  /** The session, made known here where no record of it was seen yet. */
  session(key: string): FoldedSession {
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session: FoldedSession = {
      key,
      keyBytes: bytesOf(key),
      state: this.absent(key),
      content: undefined,
      followers: new Set(),
    };
    this.#sessions.set(key, session);
    return session;
  }

  /** Begins where another fold of the same log stood. Bodies stay in the log. */
  restore(from: {
    readonly position: bigint;
    readonly level: number;
    readonly logEpoch: string | null;
    readonly anchor: Anchor | undefined;
    readonly digest: number;
    readonly states: readonly { readonly key: string; readonly state: SessionState }[];
  }): void {
    this.#next = Number(from.position);
    this.level = from.level;
    this.logEpoch = from.logEpoch ?? undefined;
    this.#anchorOffset = from.anchor === undefined ? -1 : Number(from.anchor.offset);
    this.#anchorId = from.anchor?.id ?? '';
    this.digest = from.digest;
    for (const { key, state } of from.states) Object.assign(this.session(key).state, state);
  }

  /** What a session is before its first record. */
  absent(key: string): SessionState {
    const { tenant, name } = ownerOf(this.space, key);
    return absentSession(tenant, name);
  }

  /** Without a trace of having asked. */
  peek(key: string): FoldedSession | undefined {
    return this.#sessions.get(key);
  }

  sessions(): IterableIterator<FoldedSession> {
    return this.#sessions.values();
  }

  /** Folds what was read. Returns the session and verdict where the record was one of ours. */
  fold(
    stored: StoredRecord,
  ): { session: FoldedSession; record: SessionRecord; isValid: boolean } | undefined {
    const decoded = decodeRecord(stored);
    if (decoded.kind !== 'record') {
      this.counts[decoded.kind] += 1;
      this.#advance(Number(stored.offset), '', false);
      return undefined;
    }
    const session = this.session(textOf(stored.key));
    const isValid = this.#apply(session, decoded.record, Number(stored.offset));
    return { session, record: decoded.record, isValid };
  }

  /** Folds a record that this process wrote, and that the log has at this offset. */
  foldOwn(session: FoldedSession, record: SessionRecord, offset: number): boolean {
    return this.#apply(session, record, offset);
  }

  #apply(session: FoldedSession, record: SessionRecord, offset: number): boolean {
    this.#checkEpoch(session, record);
    const before = session.state.stream;
    const isValid = record.level <= this.level && evolve(session.state, record);
    if (isValid) {
      this.#keepContent(session, record, { offset, before });
      if (session.state.name === shardSession) this.#evolveShard(record);
      this.counts.valid += 1;
    } else {
      this.counts.void += 1;
    }
    this.#advance(offset, record.id, isValid);
    return isValid;
  }

  #keepContent(
    session: FoldedSession,
    record: SessionRecord,
    at: { readonly offset: number; readonly before: SessionState['stream'] },
  ): void {
    const { stream } = session.state;
    if (record.kind === 'event') {
      session.content?.append(record.value, at.offset);
    } else if (stream !== at.before) {
      session.content?.discard();
      session.content =
        stream === undefined
          ? undefined
          : new Content(this.#budget, {
              seq: stream.tailSeq,
              position: stream.tailPosition,
              isJson: stream.isJson,
            });
    }
  }

  #checkEpoch(session: FoldedSession, record: SessionRecord): void {
    if (this.logEpoch === record.logEpoch) return;
    // Of two that were written at once the first stands; the other is void like any late record.
    if (record.kind === 'genesis' && session.state.name === shardSession) return;
    throw new ShardStopped(
      'foreign-epoch',
      `a record of another log epoch. expected=${this.logEpoch} actual=${record.logEpoch}`,
      'the topic holds another log: restore the right one, or start a new log epoch',
    );
  }

  #evolveShard(record: SessionRecord): void {
    const isFirst = record.kind === 'genesis' && this.logEpoch === undefined;
    if (isFirst) this.logEpoch = record.logEpoch;
    const level = isFirst || record.kind === 'level' ? foldLevelOf(record) : undefined;
    if (level === undefined || level <= this.level) return;
    if (level > this.knownLevel) {
      throw new ShardStopped(
        'unknown-level',
        `the fold level rose beyond this binary. level=${level} known=${this.knownLevel}`,
        levelAdvice,
      );
    }
    this.level = level;
  }

  #advance(offset: number, id: string, isValid: boolean): void {
    this.#next = offset + 1;
    this.#anchorOffset = offset;
    this.#anchorId = id;
    const low = offset % 0x40000000;
    this.digest =
      (Math.imul(this.digest ^ (low * 2 + (isValid ? 1 : 0)), 0x01000193) + 0x9e3779b9) >>> 0;
  }
}
