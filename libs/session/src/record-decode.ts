// The way back from a record's headers. Whatever is in the log has an answer, and all decoders give the
// same one for ever: what is malformed is void for everybody.

import { emptyBytes, equalBytes, VarintReader } from '@tidemark/std';
import {
  headerNames,
  type ProducerStamp,
  type RecordKind,
  recordVersion,
  type SessionRecord,
} from './record.ts';

/** Not ours, or ours and broken: void either way, and counted. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SessionRecord }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'malformed'; readonly reason: string };

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** Decodes the bytes that it was given last without decoding them again. */
class Remembered {
  #bytes = emptyBytes;
  #text = '';

  textOf(bytes: Uint8Array): string {
    if (equalBytes(bytes, this.#bytes)) return this.#text;
    this.#text = utf8.decode(bytes);
    // A copy: the bytes are a view of what may be large.
    this.#bytes = bytes.slice();
    return this.#text;
  }
}

/** Records of one log come in runs that differ in little but their ids. */
const lastVersion = new Remembered();
const lastKind = new Remembered();
const lastLog = new Remembered();
const lastType = new Remembered();

/** A natural number in decimal, as it was written; undefined where it is anything else. */
function naturalOf(bytes: Uint8Array): number | undefined {
  const { length } = bytes;
  if (length === 0 || length > 16 || (bytes[0] === 0x30 && length > 1)) return notNatural(bytes);
  let value = 0;
  for (let index = 0; index < length; index += 1) {
    const digit = (bytes[index] as number) - 0x30;
    if (digit < 0 || digit > 9) return notNatural(bytes);
    value = value * 10 + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Headers are text, whatever they say: others throw. */
function notNatural(bytes: Uint8Array): undefined {
  utf8.decode(bytes);
  return undefined;
}

type Field = keyof typeof headerNames;

/** Where several headers have one name, the last one counts. */
class Headers {
  version: string | undefined;
  kind: string | undefined;
  rev: number | undefined;
  id: string | undefined;
  prev: string | undefined;
  seq: number | undefined;
  log: string | undefined;
  level: number | undefined;
  time: number | undefined;
  count: number | undefined;
  producerId: string | undefined;
  producerEpoch: number | undefined;
  producerSeq: number | undefined;
  streamSeq: string | undefined;
  key: string | undefined;
  eventId: string | undefined;
  type: string | undefined;
  note: string | undefined;

  set(field: Field, bytes: Uint8Array): void {
    switch (field) {
      case 'version':
        this.version = lastVersion.textOf(bytes);
        return;
      case 'kind':
        this.kind = lastKind.textOf(bytes);
        return;
      case 'log':
        this.log = lastLog.textOf(bytes);
        return;
      case 'type':
        this.type = lastType.textOf(bytes);
        return;
      case 'rev':
      case 'seq':
      case 'level':
      case 'time':
      case 'count':
      case 'producerEpoch':
      case 'producerSeq':
        this[field] = naturalOf(bytes);
        return;
      case 'id':
      case 'prev':
      case 'producerId':
      case 'streamSeq':
      case 'key':
      case 'eventId':
      case 'note':
        this[field] = utf8.decode(bytes);
    }
  }
}

const fields = Object.entries(headerNames) as readonly (readonly [Field, Uint8Array])[];
/** By the byte that a name begins with: its length. */
const fieldsByLength: (readonly (readonly [Field, Uint8Array])[])[] = Array.from(
  { length: 32 },
  (_, length) => fields.filter(([, name]) => name[0] === length),
);
const fieldsByName = new Map(fields.map(([field, name]) => [utf8.decode(name.subarray(1)), field]));

function startsAt(block: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let index = 1; index < name.length; index += 1) {
    if (block[at + index] !== name[index]) return false;
  }
  return true;
}

/** Takes the name of the next header; undefined where it is none of ours. */
function takeField(reader: VarintReader): Field | undefined {
  const { bytes, at } = reader;
  for (const [field, name] of fieldsByLength[bytes[at] as number] ?? []) {
    if (!startsAt(bytes, at, name)) continue;
    reader.at += name.length;
    return field;
  }
  return fieldsByName.get(utf8.decode(reader.take(reader.next())));
}

function readHeaders(block: Uint8Array): Headers {
  const reader = new VarintReader(block);
  const headers = new Headers();
  const count = reader.next();
  for (let index = 0; index < count; index += 1) {
    const field = takeField(reader);
    const value = reader.take(reader.next());
    if (field === undefined) utf8.decode(value);
    else headers.set(field, value);
  }
  return headers;
}

/** The kind of a record, without the rest of it; undefined where its headers have none, or do not decode. */
export function kindIn(block: Uint8Array): string | undefined {
  const reader = new VarintReader(block);
  let kind: string | undefined;
  try {
    const count = reader.next();
    for (let index = 0; index < count; index += 1) {
      const field = takeField(reader);
      const bytes = reader.next();
      if (field === 'kind') kind = lastKind.textOf(reader.take(bytes));
      else reader.pass(bytes);
    }
  } catch {
    return undefined;
  }
  return kind;
}

function producerOf(headers: Headers): ProducerStamp | undefined {
  const { producerId: id, producerEpoch: epoch, producerSeq: seq } = headers;
  if (id === undefined || epoch === undefined || seq === undefined) return undefined;
  return { id, epoch, seq };
}

const foreign: Decoded = { kind: 'foreign' };
const malformed = (reason: string): Decoded => ({ kind: 'malformed', reason });

/** Never throws. */
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
  const { version, kind, id, log, prev, rev, level, time } = headers;
  if (version === undefined) return foreign;
  if (version !== recordVersion) return malformed('unknown version');
  if (kind === undefined || id === undefined || log === undefined) return malformed('incomplete');
  if (rev === undefined || level === undefined || time === undefined) {
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
    timeMs: time,
    value: stored.value,
    seq: headers.seq,
    count: headers.count,
    producer: producerOf(headers),
    streamSeq: headers.streamSeq,
    key: headers.key,
    eventId: headers.eventId,
    type: headers.type,
    note: headers.note,
  };
  return { kind: 'record', record };
}
