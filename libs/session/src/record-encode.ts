import { bytesOf, emptyBytes, writeVarint } from '@tidemark/std';
import { headerNames, recordVersion, type SessionRecord } from './record.ts';

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

function logHead({ logEpoch, level }: SessionRecord): Uint8Array {
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
  const forKind = kindHead(record.kind);
  const forLog = logHead(record);
  const forTime = timeHead(record.timeMs);
  writer.begin();
  writer.addEncoded(forKind, 2);
  writer.addNumber(headerNames.rev, record.rev);
  writer.add(headerNames.id, record.id);
  if (record.rev > 0) writer.add(headerNames.prev, record.prev);
  if (record.seq !== undefined) writer.addNumber(headerNames.seq, record.seq);
  writer.addEncoded(forLog, 2);
  writer.addEncoded(forTime, 1);
  if (record.count !== undefined) writer.addNumber(headerNames.count, record.count);
  if (record.producer !== undefined) {
    writer.add(headerNames.producerId, record.producer.id);
    writer.addNumber(headerNames.producerEpoch, record.producer.epoch);
    writer.addNumber(headerNames.producerSeq, record.producer.seq);
  }
  if (record.streamSeq !== undefined) writer.add(headerNames.streamSeq, record.streamSeq);
  if (record.key !== undefined) writer.add(headerNames.key, record.key);
  if (record.eventId !== undefined) writer.add(headerNames.eventId, record.eventId);
  if (record.type !== undefined) writer.add(headerNames.type, record.type);
  if (record.note !== undefined) writer.add(headerNames.note, record.note);
  return writer.end();
}
