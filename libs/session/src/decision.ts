import { Problem } from '@tidemark/protocol';
import { assert, emptyBytes } from '@tidemark/std';
import type { Reply } from './commands.ts';
import type { DecidedRecord, Draft, RecordKind, RecordRun } from './record.ts';
import type { SessionState, StreamState } from './state.ts';

export interface DecideContext {
  readonly nowMs: number;
  readonly logEpoch: string;
  /** The shard's fold level: nothing is decided that needs a higher one. */
  readonly level: number;
  /** So many of one length, one behind the other. */
  readonly newIds: (count: number) => string;
}

export type Decision =
  | {
      readonly kind: 'write';
      readonly records: readonly DecidedRecord[];
      /** What to answer once the records stand; a Problem where they only write down why. */
      readonly reply: Reply | Problem;
    }
  | { readonly kind: 'answer'; readonly reply: Reply }
  | { readonly kind: 'problem'; readonly problem: Problem };

export const answer = (reply: Reply): Decision => ({ kind: 'answer', reply });
export const refuse = (problem: Problem): Decision => ({ kind: 'problem', problem });

/**
 * Rule 4: the fold level from which a record is what it says. A kind that is added, or that comes to mean
 * something else, is of the level of the release that does it; where a shard is not there yet, its
 * commands decide as before.
 */
const levelOfKind: Readonly<Record<RecordKind, number>> = {
  create: 1,
  event: 1,
  close: 1,
  repeat: 1,
  delete: 1,
  expire: 1,
  touch: 1,
  ref: 1,
  unref: 1,
  burn: 1,
  settle: 1,
  fact: 1,
  genesis: 1,
  level: 1,
  preview: 1,
};

type RunDraft = Omit<
  RecordRun,
  'kind' | 'rev' | 'prev' | 'earlierIds' | 'lastId' | 'logEpoch' | 'level' | 'timeMs'
>;

/** Chains drafts to the session's last valid record, one behind the other. */
export class Chain {
  readonly records: DecidedRecord[] = [];
  readonly #context: DecideContext;
  readonly #timeMs: number;
  #rev: number;
  #prev: string;

  constructor(state: SessionState, context: DecideContext) {
    this.#context = context;
    this.#rev = state.rev;
    this.#prev = state.lastId;
    this.#timeMs = Chain.timeOf(state, context);
  }

  /** Time goes on in a session, whatever the clock of its writer says. */
  static timeOf(state: SessionState, { nowMs }: Pick<DecideContext, 'nowMs'>): number {
    return Math.max(nowMs, state.lastTimeMs);
  }

  get timeMs(): number {
    return this.#timeMs;
  }

  add(draft: Draft): void {
    const id = this.#context.newIds(1);
    const level = this.#levelOf(draft.kind);
    this.records.push({
      kind: draft.kind,
      rev: this.#rev,
      id,
      prev: this.#prev,
      logEpoch: this.#context.logEpoch,
      level,
      timeMs: this.#timeMs,
      value: draft.value ?? emptyBytes,
      seq: draft.seq,
      count: draft.count,
      producer: draft.producer,
      streamSeq: draft.streamSeq,
      key: draft.key,
      eventId: draft.eventId,
      type: draft.type,
      note: draft.note,
    });
    this.#rev += 1;
    this.#prev = id;
  }

  addRun(draft: RunDraft): void {
    const { length } = draft.values;
    // By itself: a state keeps it, and would keep all that it were a part of.
    const lastId = this.#context.newIds(1);
    this.records.push({
      kind: 'run',
      rev: this.#rev,
      prev: this.#prev,
      seq: draft.seq,
      earlierIds: length > 1 ? this.#context.newIds(length - 1) : '',
      lastId,
      logEpoch: this.#context.logEpoch,
      level: this.#levelOf('event'),
      timeMs: this.#timeMs,
      values: draft.values,
      valueBytes: draft.valueBytes,
      joined: draft.joined,
      producer: draft.producer,
      streamSeq: draft.streamSeq,
      key: draft.key,
      eventIds: draft.eventIds,
      types: draft.types,
      notes: draft.notes,
    });
    this.#rev += length;
    this.#prev = lastId;
  }

  #levelOf(kind: RecordKind): number {
    const level = levelOfKind[kind];
    assert(level <= this.#context.level, 'a record is decided for the level of its shard');
    return level;
  }
}

/** The stream that is there to be worked on, or the problem with it. */
export function liveStream(state: SessionState): StreamState | Problem {
  if (state.life === 'gone') return new Problem('session-gone', 'deleted, and its forks live on');
  if (state.life === 'absent' || state.stream === undefined) {
    return new Problem('session-not-found', 'no such session');
  }
  return state.stream;
}

/** The fold level of this release. Raised with any change of what the fold makes of a record. */
export const knownFoldLevel = 1;
