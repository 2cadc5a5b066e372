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
  type DecideContext,
  type DecidedRecord,
  type Decision,
  decide,
  encodeRecordHeaders,
  encodeRunHeaders,
  evolve,
  type Reply,
  recordsIn,
  recordValueBytes,
  type SessionState,
  speculate,
} from '@tidemark/session';
import { assert } from '@tidemark/std';
import type { WrittenRecord } from './feed.ts';
import type { FoldedSession } from './folded-session.ts';
import type { PendingCommand } from './pending-command.ts';
import type { ShardReplica } from './shard-replica.ts';

export interface FlightWrite {
  readonly pending: PendingCommand;
  readonly records: readonly DecidedRecord[];
  readonly reply: Reply | Problem;
}

/** A write with its records as they lie in the log. */
export interface EncodedWrite extends FlightWrite {
  /** Of each record, and of all of a run. */
  readonly headers: readonly (readonly Uint8Array[])[];
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
  readonly #replica: ShardReplica;
  readonly #held = new Set<FoldedSession>();
  #inOrder: readonly boolean[] | undefined;
  #ids: ReadonlySet<string> | undefined;
  #bytes = 0;
  attempts = 0;
  hadUnknown = false;
  sentAtMs = 0;
  /** How far the fold had got when the batch was decided: no honest base lies below. */
  knownEnd = 0n;
  #reloads = 0;

  constructor(replica: ShardReplica) {
    this.#replica = replica;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Decides on what will be, should everything before it in this batch stand. */
  decide({ session, command }: PendingCommand, context: DecideContext): Decision {
    assert(session.isResident, 'a decision is made on a state that was loaded');
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
    const { keyBytes } = write.pending.session;
    const headers: (readonly Uint8Array[])[] = [];
    let bytes = 0;
    for (const record of write.records) {
      const blocks =
        record.kind === 'run' ? encodeRunHeaders(record) : [encodeRecordHeaders(record)];
      headers.push(blocks);
      bytes += (recordOverheadBytes + keyBytes.length) * blocks.length + recordValueBytes(record);
      for (const { length } of blocks) bytes += length;
    }
    return { ...write, headers, bytes };
  }

  add(write: EncodedWrite): void {
    const { session } = write.pending;
    this.#hold(session);
    const speculated = this.#speculated.get(session);
    this.#speculated.set(session, speculated);
    for (const [index, record] of write.records.entries()) {
      if (speculated !== undefined) evolve(speculated, record);
      this.written.push({ session, record });
      this.#put(session.keyBytes, record, write.headers[index] ?? []);
    }
    this.#bytes += write.bytes;
    this.writes.push(write);
  }

  #put(key: Uint8Array, record: DecidedRecord, blocks: readonly Uint8Array[]): void {
    const { timeMs } = record;
    const values = record.kind === 'run' ? record.values : [record.value];
    for (let index = 0; index < blocks.length; index += 1) {
      const value = values[index] as Uint8Array;
      this.batch.push({ key, value, headers: blocks[index] as Uint8Array, timeMs });
    }
  }

  /** Until the batch is settled, whoever waits for it. */
  #hold(session: FoldedSession): void {
    if (this.#held.has(session)) return;
    this.#held.add(session);
    this.#replica.fold.table.pin(session);
  }

  letGo(): void {
    for (const session of this.#held) this.#replica.letGo(session);
    this.#held.clear();
  }

  #idsWritten(): ReadonlySet<string> {
    const written = this.written.map(({ record }) => record);
    return new Set(Array.from(recordsIn(written), ({ id }) => id));
  }

  owns(id: string): boolean {
    this.#ids ??= this.#idsWritten();
    return this.#ids.has(id);
  }

  /** Speculation is over once the batch is formed. */
  seal(): readonly LogRecord[] {
    this.knownEnd = this.#replica.fold.position;
    this.#reloads = this.#replica.reloads;
    this.#speculated.clear();
    return this.batch;
  }

  /** The fold met one of these records; valid once is valid for ever. */
  sawVerdict(id: string, isValid: boolean): void {
    if (this.#verdicts.get(id) !== true) this.#verdicts.set(id, isValid);
  }

  /** The fold's verdicts over what the batch was written as, in its order. */
  sawVerdicts(verdicts: readonly boolean[]): void {
    this.#inOrder = verdicts;
  }

  /**
   * Rule 6. The fold began anew while the batch was on its way: a copy of it may lie below that, so
   * that what is void here proves nothing. Only as the session's last can a record still be told.
   */
  get isInDoubt(): boolean {
    return this.#reloads !== this.#replica.reloads;
  }

  /** `first` is the place of the write's first record in what was written. */
  stands({ records, pending }: FlightWrite, first: number): boolean {
    const inOrder = this.#inOrder;
    const met = this.#verdicts;
    const last = records.at(-1);
    const lastId = last?.kind === 'run' ? last.lastId : last?.id;
    if (this.isInDoubt && lastId === pending.session.state.lastId) return true;
    // An earlier copy may have stood where this one is void.
    return records.every(
      (record, index) =>
        inOrder?.[first + index] === true ||
        (met.size > 0 && [...recordsIn([record])].every(({ id }) => met.get(id) === true)),
    );
  }
}
