// A session's records, as they lie in the log. docs/FORMAT.md draws them for other readers.
//
//   key     := session name, or tenant '/' session name in a pool topic
//   value   := the event's bytes as they are served; JSON for the kinds that carry facts
//   headers := v kind rev id prev? seq? log level time
//              n? pid? pepoch? pseq? sseq? key? eid?       (ASCII names, UTF-8 values)
//
// Names and kinds are stored. Never rename.

import { bytesOf, emptyBytes, VarintReader, writeVarint } from '@tidemark/std';

const recordVersion = '1';

export const recordKinds = [
  /** The session begins; the value is its configuration. */
  'create',
  'event',
  'close',
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
  /** Facts of a reserved session, such as a subscription's. */
  'fact',
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
  /** Events only. */
  readonly seq?: number | undefined;
  /** On the first record of an append: how many events it has. */
  readonly count?: number | undefined;
  readonly producer?: ProducerStamp | undefined;
  readonly streamSeq?: string | undefined;
  readonly key?: string | undefined;
  readonly eventId?: string | undefined;
}

/** Not ours, or ours and broken: void either way, and counted. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SessionRecord }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'malformed'; readonly reason: string };

const kinds: ReadonlySet<string> = new Set(recordKinds);

const arenaBytes = 65_536;
const maxInt32 = 0x7fffffff;

/** Returns where the copy ends. For a few bytes a loop takes half the time of `set`. */
function copyShort(source: Uint8Array, target: Uint8Array, start: number): number {
  const { length } = source;
  for (let index = 0; index < length; index += 1) target[start + index] = source[index] as number;
  return start + length;
}

/**
 * Builds header blocks one behind the other in chunks of memory that are not used again: a block is a
 * view of its chunk, which lives as long as its batch does.
 */
class HeaderWriter {
  #arena = new Uint8Array(arenaBytes);
  #start = 0;
  #at = 0;
  #count = 0;

  begin(): void {
    this.#start = this.#at;
    // One byte for the count: there are never more than 63 headers, so its varint has one byte.
    this.#reserve(1);
    this.#at += 1;
    this.#count = 0;
  }

  /** Headers that are already encoded. */
  addEncoded(encoded: Uint8Array, count: number): void {
    this.#reserve(encoded.length);
    this.#at = copyShort(encoded, this.#arena, this.#at);
    this.#count += count;
  }

  add(name: Uint8Array, value: string): void {
    const { length } = value;
    this.#reserve(name.length + 3 * length + 10);
    const arena = this.#arena;
    const at = copyShort(name, arena, this.#at);
    const start = writeVarint(arena, at, length);
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return this.#addUtf8(at, value);
      arena[start + index] = code;
    }
    this.#at = start + length;
    this.#count += 1;
  }

  /** In decimal. */
  addNumber(name: Uint8Array, value: number): void {
    if (value > maxInt32) return this.add(name, String(value));
    this.#reserve(name.length + 11);
    const arena = this.#arena;
    const at = copyShort(name, arena, this.#at);
    let digits = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) digits += 1;
    arena[at] = 2 * digits;
    let rest = value | 0;
    for (let place = at + digits; place > at; place -= 1) {
      const next = (rest / 10) | 0;
      arena[place] = 0x30 + rest - next * 10;
      rest = next;
    }
    this.#at = at + digits + 1;
    this.#count += 1;
  }

  #addUtf8(at: number, value: string): void {
    const bytes = bytesOf(value);
    const start = writeVarint(this.#arena, at, bytes.length);
    this.#arena.set(bytes, start);
    this.#at = start + bytes.length;
    this.#count += 1;
  }

  end(): Uint8Array {
    writeVarint(this.#arena, this.#start, this.#count);
    return this.#arena.subarray(this.#start, this.#at);
  }

  /** The headers that were added, without their count, for `addEncoded`. */
  endEncoded(): Uint8Array {
    return this.#arena.slice(this.#start + 1, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#arena.length) return;
    const begun = this.#arena.subarray(this.#start, this.#at);
    const next = new Uint8Array(Math.max(arenaBytes, 2 * (begun.length + bytes)));
    next.set(begun);
    this.#arena = next;
    this.#at = begun.length;
    this.#start = 0;
  }
}

/** A header's name with its length before it, as it stands in every block. */
const nameOf = (name: string): Uint8Array => Uint8Array.of(2 * name.length, ...bytesOf(name));

const names = {
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
} as const;

const writer = new HeaderWriter();

/** The headers that are the same on every record of a kind, and on every record of a log and level. */
const kindHeads = new Map<string, Uint8Array>();
const logHeads = new Map<string, Uint8Array>();
/** Epochs are few; this many are a process that has seen very many tenants. */
const logHeadsMax = 10_000;

function kindHead(kind: string): Uint8Array {
  const known = kindHeads.get(kind);
  if (known !== undefined) return known;
  writer.begin();
  writer.add(names.version, recordVersion);
  writer.add(names.kind, kind);
  const head = writer.endEncoded();
  kindHeads.set(kind, head);
  return head;
}

function logHead({ logEpoch, level }: SessionRecord): Uint8Array {
  const known = level === 1 ? logHeads.get(logEpoch) : undefined;
  if (known !== undefined) return known;
  writer.begin();
  writer.add(names.log, logEpoch);
  writer.add(names.level, String(level));
  const head = writer.endEncoded();
  if (logHeads.size >= logHeadsMax) logHeads.clear();
  if (level === 1) logHeads.set(logEpoch, head);
  return head;
}

/** Records of one batch carry the same time. */
let lastTime = { timeMs: -1, head: emptyBytes };

function timeHead(timeMs: number): Uint8Array {
  if (lastTime.timeMs === timeMs) return lastTime.head;
  writer.begin();
  writer.add(names.time, String(timeMs));
  lastTime = { timeMs, head: writer.endEncoded() };
  return lastTime.head;
}

export function encodeRecordHeaders(record: SessionRecord): Uint8Array {
  const forKind = kindHead(record.kind);
  const forLog = logHead(record);
  const forTime = timeHead(record.timeMs);
  writer.begin();
  writer.addEncoded(forKind, 2);
  writer.addNumber(names.rev, record.rev);
  writer.add(names.id, record.id);
  if (record.rev > 0) writer.add(names.prev, record.prev);
  if (record.seq !== undefined) writer.addNumber(names.seq, record.seq);
  writer.addEncoded(forLog, 2);
  writer.addEncoded(forTime, 1);
  if (record.count !== undefined) writer.addNumber(names.count, record.count);
  if (record.producer !== undefined) {
    writer.add(names.producerId, record.producer.id);
    writer.addNumber(names.producerEpoch, record.producer.epoch);
    writer.addNumber(names.producerSeq, record.producer.seq);
  }
  if (record.streamSeq !== undefined) writer.add(names.streamSeq, record.streamSeq);
  if (record.key !== undefined) writer.add(names.key, record.key);
  if (record.eventId !== undefined) writer.add(names.eventId, record.eventId);
  return writer.end();
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** Short ASCII, as nearly every header is, without the decoder's fixed cost. */
function headerText(bytes: Uint8Array): string {
  for (let index = 0; index < bytes.length; index += 1) {
    if ((bytes[index] as number) >= 0x80) return utf8.decode(bytes);
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

type Headers = Partial<Record<string, string>>;

function readHeaders(block: Uint8Array): Headers {
  const reader = new VarintReader(block);
  const headers: Headers = Object.create(null) as Headers;
  const count = reader.next();
  for (let index = 0; index < count; index += 1) {
    const name = headerText(reader.take(reader.next()));
    headers[name] = headerText(reader.take(reader.next()));
  }
  return headers;
}

function naturalOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function producerOf(headers: Headers): ProducerStamp | undefined {
  const id = headers['pid'];
  const epoch = naturalOf(headers['pepoch']);
  const seq = naturalOf(headers['pseq']);
  return id === undefined || epoch === undefined || seq === undefined
    ? undefined
    : { id, epoch, seq };
}

const foreign: Decoded = { kind: 'foreign' };
const malformed = (reason: string): Decoded => ({ kind: 'malformed', reason });

/** Never throws: whatever is in the log has an answer. */
export function decodeRecord(stored: {
  readonly headers: Uint8Array;
  readonly value: Uint8Array;
}): Decoded {
  let headers: Headers;
  try {
    headers = readHeaders(stored.headers);
  } catch {
    return malformed('headers do not decode');
  }
  if (headers['v'] === undefined) return foreign;
  if (headers['v'] !== recordVersion) return malformed('unknown version');
  const { kind, id, log, prev } = headers as Record<string, string | undefined>;
  const rev = naturalOf(headers['rev']);
  const level = naturalOf(headers['level']);
  const timeMs = naturalOf(headers['time']);
  if (kind === undefined || id === undefined || log === undefined) return malformed('incomplete');
  if (rev === undefined || level === undefined || timeMs === undefined) {
    return malformed('incomplete');
  }
  if ((prev === undefined) !== (rev === 0)) return malformed('prev does not fit rev');
  const record = {
    // A kind of a higher level is void by its level, whatever its name is.
    kind: kind as RecordKind,
    rev,
    id,
    prev: prev ?? '',
    logEpoch: log,
    level,
    timeMs,
    value: stored.value,
    seq: naturalOf(headers['seq']),
    count: naturalOf(headers['n']),
    producer: headers['pid'] === undefined ? undefined : producerOf(headers),
    streamSeq: headers['sseq'],
    key: headers['key'],
    eventId: headers['eid'],
  };
  return { kind: 'record', record };
}

export const isKnownKind = (kind: string): kind is RecordKind => kinds.has(kind);
