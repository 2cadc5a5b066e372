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
