// A session's records, as they lie in the log. docs/FORMAT.md draws them for other readers.
//
//   key     := session name, or tenant '/' session name in a pool topic
//   value   := the event's bytes as they are served; JSON for the kinds that carry facts
//   headers := v kind rev id prev? seq? log level time
//              n? pid? pepoch? pseq? sseq? key? eid? type? note?   (ASCII names, UTF-8 values)
//
// Names and kinds are stored. Never rename.

import { bytesOf } from '@tidemark/std';

export const recordVersion = '1';

export const recordKinds = [
  /** The session begins; the value is its configuration. */
  'create',
  'event',
  'close',
  /** An append whose events were all there already: what else it brought takes effect. */
  'repeat',
  'delete',
  'expire',
  /** A read renewed the time to live. */
  'touch',
  /** A fork is about to depend on this session, or no longer does. */
  'ref',
  'unref',
  /** The create of a fork that was announced here may never stand. */
  'burn',
  /** What this session owed another shard is done. */
  'settle',
  /** What is known of a session besides its events; all that a reserved one has. */
  'fact',
  /** Told to whoever follows at that moment, and kept nowhere. */
  'preview',
  /** The first record of a log: its epoch. */
  'genesis',
  /** The shard's fold level rises. */
  'level',
] as const;

export type RecordKind = (typeof recordKinds)[number];

export interface ProducerStamp {
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
}

export interface SessionRecord {
  readonly kind: RecordKind;
  readonly rev: number;
  readonly id: string;
  /** Id of the session's last valid record; empty at rev 0. */
  readonly prev: string;
  readonly logEpoch: string;
  readonly level: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
  /** Of an event; on a `repeat` and its close, of the first event that was there already. */
  readonly seq?: number | undefined;
  /** On the first record of an append: how many events it has. */
  readonly count?: number | undefined;
  readonly producer?: ProducerStamp | undefined;
  readonly streamSeq?: string | undefined;
  readonly key?: string | undefined;
  readonly eventId?: string | undefined;
  /** What the fold may learn of an event: it parses no bodies. */
  readonly type?: string | undefined;
  /** A small JSON object, for few types. */
  readonly note?: string | undefined;
}

/**
 * The records of an append's events, one behind the other: what they differ in is their seqs, ids, bodies, and what is
 * known of each. In the log each is a record by itself; from its decision to the fold they are one.
 */
export interface RecordRun {
  readonly kind: 'run';
  /** Of the first. */
  readonly rev: number;
  readonly prev: string;
  readonly seq: number;
  /** Of all but the last, one behind the other, each as long as the last. */
  readonly earlierIds: string;
  readonly lastId: string;
  readonly logEpoch: string;
  readonly level: number;
  readonly timeMs: number;
  readonly values: readonly Uint8Array[];
  readonly valueBytes: number;
  /** The values with a comma between, where they came so. */
  readonly joined?: Uint8Array | undefined;
  readonly producer?: ProducerStamp | undefined;
  readonly streamSeq?: string | undefined;
  readonly key?: string | undefined;
  /** One a value, or none. */
  readonly eventIds?: readonly (string | undefined)[] | undefined;
  readonly types?: readonly (string | undefined)[] | undefined;
  readonly notes?: readonly (string | undefined)[] | undefined;
}

export type DecidedRecord = SessionRecord | RecordRun;

/** Of the event at an index. */
function idIn({ values, earlierIds, lastId }: RecordRun, index: number): string {
  const { length } = lastId;
  return index === values.length - 1
    ? lastId
    : earlierIds.slice(index * length, (index + 1) * length);
}

export const recordCount = (record: DecidedRecord): number =>
  record.kind === 'run' ? record.values.length : 1;

export const recordValueBytes = (record: DecidedRecord): number =>
  record.kind === 'run' ? record.valueBytes : record.value.length;

/** Each as it lies in the log. */
export function* recordsIn(decided: Iterable<DecidedRecord>): Generator<SessionRecord> {
  for (const record of decided) {
    if (record.kind === 'run') yield* recordsOf(record);
    else yield record;
  }
}

function* recordsOf(run: RecordRun): Generator<SessionRecord> {
  const { values, logEpoch, level, timeMs, producer, streamSeq, key } = run;
  let { rev, seq, prev } = run;
  for (const [index, value] of values.entries()) {
    const id = idIn(run, index);
    const first = index === 0 ? { count: values.length, producer, streamSeq, key } : undefined;
    const eventId = run.eventIds?.[index];
    const told = { eventId, type: run.types?.[index], note: run.notes?.[index] };
    yield { kind: 'event', rev, id, prev, logEpoch, level, timeMs, value, seq, ...first, ...told };
    rev += 1;
    seq += 1;
    prev = id;
  }
}

/** A record before it has its place. */
export type Draft = Partial<SessionRecord> & { readonly kind: RecordKind };

const kinds: ReadonlySet<string> = new Set(recordKinds);

export const isKnownKind = (kind: string): kind is RecordKind => kinds.has(kind);

/** A header's name with its length before it, as it stands in every block. */
const nameOf = (name: string): Uint8Array => Uint8Array.of(2 * name.length, ...bytesOf(name));

export const headerNames = {
  version: nameOf('v'),
  kind: nameOf('kind'),
  rev: nameOf('rev'),
  id: nameOf('id'),
  prev: nameOf('prev'),
  seq: nameOf('seq'),
  log: nameOf('log'),
  level: nameOf('level'),
  time: nameOf('time'),
  count: nameOf('n'),
  producerId: nameOf('pid'),
  producerEpoch: nameOf('pepoch'),
  producerSeq: nameOf('pseq'),
  streamSeq: nameOf('sseq'),
  key: nameOf('key'),
  eventId: nameOf('eid'),
  type: nameOf('type'),
  note: nameOf('note'),
} as const;
