import { assert, bytesOf, emptyBytes, writeVarint } from '@tidemark/std';
import { headerNames, type RecordRun, recordVersion, type SessionRecord } from './record.ts';

const arenaBytes = 65_536;
const maxInt32 = 0x7fffffff;

/** Returns where the copy ends. For a few bytes a loop takes half the time of `set`. */
function copyShort(source: Uint8Array, target: Uint8Array, start: number): number {
  const { length } = source;
  for (let index = 0; index < length; index += 1) target[start + index] = source[index] as number;
  return start + length;
}

interface TextPart {
  readonly text: Uint8Array;
  readonly at: number;
  readonly length: number;
}

/** As `copyShort`. */
function copyPart({ text, at, length }: TextPart, target: Uint8Array, start: number): number {
  for (let index = 0; index < length; index += 1) {
    target[start + index] = text[at + index] as number;
  }
  return start + length;
}

/** Of a natural number, in decimal, as they end there. */
function writeDigits(value: number, target: Uint8Array, end: number): void {
  let rest = value | 0;
  let place = end;
  do {
    const next = (rest / 10) | 0;
    place -= 1;
    target[place] = 0x30 + rest - next * 10;
    rest = next;
  } while (rest > 0);
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

  /** A part of an ASCII text, shorter than 64 bytes. */
  addPart(name: Uint8Array, part: TextPart): void {
    this.#reserve(name.length + 1 + part.length);
    const arena = this.#arena;
    const start = copyShort(name, arena, this.#at);
    arena[start] = 2 * part.length;
    this.#at = copyPart(part, arena, start + 1);
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
    this.#at = at + digits + 1;
    writeDigits(value, arena, this.#at);
    this.#count += 1;
  }

  #addUtf8(at: number, value: string): void {
    const bytes = bytesOf(value);
    const start = writeVarint(this.#arena, at, bytes.length);
    this.#arena.set(bytes, start);
    this.#at = start + bytes.length;
    this.#count += 1;
  }

  /** Begins with all that the last block has, which is then written over in places. */
  repeat(last: Uint8Array): void {
    this.#start = this.#at;
    this.#reserve(last.length);
    this.#arena.set(last, this.#at);
    this.#at += last.length;
  }

  /** Of the block so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** A number of as many digits, which end there. */
  overwriteNumber(end: number, value: number): void {
    writeDigits(value, this.#arena, this.#start + end);
  }

  overwritePart(end: number, part: TextPart): void {
    copyPart(part, this.#arena, this.#start + end - part.length);
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
  writer.add(headerNames.version, recordVersion);
  writer.add(headerNames.kind, kind);
  const head = writer.endEncoded();
  kindHeads.set(kind, head);
  return head;
}

function logHead({ logEpoch, level }: Pick<SessionRecord, 'logEpoch' | 'level'>): Uint8Array {
  const known = level === 1 ? logHeads.get(logEpoch) : undefined;
  if (known !== undefined) return known;
  writer.begin();
  writer.add(headerNames.log, logEpoch);
  writer.add(headerNames.level, String(level));
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
  writer.add(headerNames.time, String(timeMs));
  lastTime = { timeMs, head: writer.endEncoded() };
  return lastTime.head;
}

export function encodeRecordHeaders(record: SessionRecord): Uint8Array {
  addPlace(record, {
    id: () => writer.add(headerNames.id, record.id),
    prev: () => writer.add(headerNames.prev, record.prev),
  });
  if (record.count !== undefined) writer.addNumber(headerNames.count, record.count);
  addIdentities(record);
  addTold(record);
  return writer.end();
}

type Place = Pick<SessionRecord, 'kind' | 'rev' | 'seq' | 'logEpoch' | 'level' | 'timeMs'>;

/** Where fields of a block end that another one may have otherwise. */
interface FieldEnds {
  readonly rev: number;
  readonly id: number;
  readonly prev: number;
  readonly seq: number;
}

/** Begins a block. */
function addPlace(
  place: Place,
  add: { readonly id: () => void; readonly prev: () => void },
): FieldEnds {
  // Before the block is begun: they may have to be made.
  const [forKind, forLog] = [kindHead(place.kind), logHead(place)];
  const forTime = timeHead(place.timeMs);
  writer.begin();
  writer.addEncoded(forKind, 2);
  writer.addNumber(headerNames.rev, place.rev);
  const rev = writer.length;
  add.id();
  const id = writer.length;
  if (place.rev > 0) add.prev();
  const prev = writer.length;
  if (place.seq !== undefined) writer.addNumber(headerNames.seq, place.seq);
  const seq = writer.length;
  writer.addEncoded(forLog, 2);
  writer.addEncoded(forTime, 1);
  return { rev, id, prev, seq };
}

function addTold({ eventId, type, note }: Pick<SessionRecord, 'eventId' | 'type' | 'note'>): void {
  if (eventId !== undefined) writer.add(headerNames.eventId, eventId);
  if (type !== undefined) writer.add(headerNames.type, type);
  if (note !== undefined) writer.add(headerNames.note, note);
}

function addIdentities({
  producer,
  streamSeq,
  key,
}: Pick<SessionRecord, 'producer' | 'streamSeq' | 'key'>): void {
  if (producer !== undefined) {
    writer.add(headerNames.producerId, producer.id);
    writer.addNumber(headerNames.producerEpoch, producer.epoch);
    writer.addNumber(headerNames.producerSeq, producer.seq);
  }
  if (streamSeq !== undefined) writer.add(headerNames.streamSeq, streamSeq);
  if (key !== undefined) writer.add(headerNames.key, key);
}

/** Of each of its records, as `encodeRecordHeaders` has them. */
export function encodeRunHeaders(run: RecordRun): readonly Uint8Array[] {
  const { values, earlierIds, lastId } = run;
  const ids = { text: bytesOf(earlierIds + lastId), length: lastId.length };
  assert(
    ids.text.length === values.length * ids.length && ids.length < 64,
    'ids of a run are of one length',
  );
  const blocks: Uint8Array[] = [];
  let ends = addRecordOf(run, 0, ids);
  blocks.push(writer.end());
  for (let index = 1; index < values.length; index += 1) {
    if (isLikeLast(run, index)) {
      writer.repeat(blocks[index - 1] as Uint8Array);
      writer.overwriteNumber(ends.rev, run.rev + index);
      writer.overwritePart(ends.id, idAt(ids, index));
      writer.overwritePart(ends.prev, idAt(ids, index - 1));
      writer.overwriteNumber(ends.seq, run.seq + index);
    } else {
      ends = addRecordOf(run, index, ids);
    }
    blocks.push(writer.end());
  }
  return blocks;
}

type Ids = Pick<TextPart, 'text' | 'length'>;

const idAt = ({ text, length }: Ids, index: number): TextPart => ({
  text,
  at: index * length,
  length,
});

function addRecordOf(run: RecordRun, index: number, ids: Ids): FieldEnds {
  const { logEpoch, level, timeMs, eventIds, types, notes } = run;
  const isFirst = index === 0;
  const place = { kind: 'event', rev: run.rev + index, seq: run.seq + index } as const;
  const ends = addPlace(
    { ...place, logEpoch, level, timeMs },
    {
      id: () => writer.addPart(headerNames.id, idAt(ids, index)),
      prev: () => {
        if (isFirst) writer.add(headerNames.prev, run.prev);
        else writer.addPart(headerNames.prev, idAt(ids, index - 1));
      },
    },
  );
  if (isFirst) {
    writer.addNumber(headerNames.count, run.values.length);
    addIdentities(run);
  }
  addTold({ eventId: eventIds?.[index], type: types?.[index], note: notes?.[index] });
  return ends;
}

/** Whether its block is that of the record before it but for its place: that one is not the run's first. */
function isLikeLast({ rev, seq, eventIds, types, notes }: RecordRun, index: number): boolean {
  if (index < 2 || isWider(rev + index) || isWider(seq + index)) return false;
  return (
    eventIds?.[index] === eventIds?.[index - 1] &&
    types?.[index] === types?.[index - 1] &&
    notes?.[index] === notes?.[index - 1]
  );
}

const powersOfTen: ReadonlySet<number> = new Set(Array.from({ length: 10 }, (_, at) => 10 ** at));

/** Whether it has more digits than the number before it, or is beyond what is written quickly. */
const isWider = (value: number): boolean => value > maxInt32 || powersOfTen.has(value);
