// One batch on its way into the log. It is built while the request is formed, from committed state
// and what stands before it in the same batch, and it keeps its bytes until its outcome is certain.
//
// (1) A write's size is what its records take in the log, known before it is added.
// (2) Speculation sees exactly what the batch holds of a session so far, and is over once it is sealed.
// (3) The bytes of a sealed batch never change: a retry is the same records.
// (4) A write stands if every record of it was valid in one of its copies.

import type { LogRecord } from '@tidemark/ports';
import type { Problem } from '@tidemark/protocol';
import {
  type Command,
  type DecideContext,
  type Decision,
  decide,
  encodeRecordHeaders,
  evolve,
  type Reply,
  type SessionRecord,
  type SessionState,
  speculate,
} from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import type { FoldedSession, ShardFold } from './shard-fold.ts';

/** A command that waits for its answer. */
export interface Pending {
  /** The session's key in the log. */
  readonly key: string;
  readonly command: Command;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (problem: Problem) => void;
  isDone: boolean;
}

export interface FlightWrite {
  readonly pending: Pending;
  readonly records: readonly SessionRecord[];
  readonly reply: Reply | Problem;
}

export interface WrittenRecord {
  readonly session: FoldedSession;
  readonly record: SessionRecord;
}

/** A write with its records as they lie in the log. */
export interface EncodedWrite extends FlightWrite {
  readonly headers: readonly Uint8Array[];
  /** What the batch grows by. */
  readonly bytes: number;
}

/** No log's framing takes more of a record, beside its key, value and headers. */
const recordOverheadBytes = 32;

export class Flight {
  readonly writes: FlightWrite[] = [];
  readonly written: WrittenRecord[] = [];
  readonly batch: LogRecord[] = [];
  /** State behind what this batch has of a session, once a second command meets it. */
  readonly #speculated = new Map<FoldedSession, SessionState | undefined>();
  readonly #verdicts = new Map<string, boolean>();
  readonly #fold: ShardFold;
  #inOrder: readonly boolean[] | undefined;
  #ids: ReadonlySet<string> | undefined;
  #bytes = 0;
  attempts = 0;
  hadUnknown = false;
  sentAtMs = 0;
  /** How far the fold had got when the batch was decided: no honest base lies below. */
  knownEnd = 0n;

  constructor(fold: ShardFold) {
    this.#fold = fold;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Decides on what will be, should everything before it in this batch stand. */
  decide({ key, command }: Pending, context: DecideContext): Decision {
    const session = this.#fold.peek(key);
    if (session === undefined) return decide(this.#fold.absent(key), command, context);
    const isMet = this.#speculated.has(session);
    return decide(isMet ? this.#speculate(session) : session.state, command, context);
  }

  #speculate(session: FoldedSession): SessionState {
    const known = this.#speculated.get(session);
    if (known !== undefined) return known;
    const state = speculate(session.state);
    for (const { session: owner, record } of this.written) {
      if (owner === session) evolve(state, record);
    }
    this.#speculated.set(session, state);
    return state;
  }

  encode(write: FlightWrite): EncodedWrite {
    const { key } = write.pending;
    const keyBytes = this.#fold.peek(key)?.keyBytes ?? bytesOf(key);
    const headers: Uint8Array[] = [];
    let bytes = (recordOverheadBytes + keyBytes.length) * write.records.length;
    for (const record of write.records) {
      const block = encodeRecordHeaders(record);
      headers.push(block);
      bytes += record.value.length + block.length;
    }
    return { ...write, headers, bytes };
  }

  add(write: EncodedWrite): void {
    const session = this.#fold.session(write.pending.key);
    const speculated = this.#speculated.get(session);
    this.#speculated.set(session, speculated);
    const key = session.keyBytes;
    for (const [index, record] of write.records.entries()) {
      if (speculated !== undefined) evolve(speculated, record);
      const headers = write.headers[index] as Uint8Array;
      this.batch.push({ key, value: record.value, headers, timeMs: record.timeMs });
      this.written.push({ session, record });
    }
    this.#bytes += write.bytes;
    this.writes.push(write);
  }

  owns(id: string): boolean {
    this.#ids ??= new Set(this.written.map(({ record }) => record.id));
    return this.#ids.has(id);
  }

  /** Speculation is over once the batch is formed. */
  seal(knownEnd: bigint): readonly LogRecord[] {
    this.knownEnd = knownEnd;
    this.#speculated.clear();
    return this.batch;
  }

  /** The fold met one of these records; valid once is valid for ever. */
  sawVerdict(id: string, isValid: boolean): void {
    if (this.#verdicts.get(id) !== true) this.#verdicts.set(id, isValid);
  }

  /** The fold's verdicts over all of the batch, in its order. */
  sawVerdicts(verdicts: readonly boolean[]): void {
    this.#inOrder = verdicts;
  }

  /** `first` is the place of the write's first record in the batch. */
  stands({ records }: FlightWrite, first: number): boolean {
    const inOrder = this.#inOrder;
    const met = this.#verdicts;
    // An earlier copy may have stood where this one is void.
    return records.every(
      ({ id }, index) =>
        inOrder?.[first + index] === true || (met.size > 0 && met.get(id) === true),
    );
  }
}
