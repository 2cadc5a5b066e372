// How a line of a frame is looked through, event by event: of a cold read this is half of what decoding costs, and a
// call into native code for each question was twice as slow.

import { Problem } from '@tidemark/protocol';
import { hasAt } from './wanted-lines.ts';

export const lineFeed = 0x0a;
const [zero, nine] = [0x30, 0x39];
const wordBytes = 4;

/** Behind it stands the event. No text within JSON has it: its quotes would stand behind a backslash. */
export const eventMember = ',"event":';
export const eventMemberBytes: number = eventMember.length;
const stored = Buffer.from(eventMember);
const colon = 0x3a;

/** By the byte that stands where the last of the member would: how much farther it can begin at the nearest. */
const skips = ((): Uint8Array => {
  const table = new Uint8Array(256).fill(eventMemberBytes);
  for (let index = 0; index < eventMemberBytes - 1; index += 1) {
    table[stored[index] as number] = eventMemberBytes - 1 - index;
  }
  return table;
})();

export const anotherLine = (): Problem =>
  new Problem('corrupt', 'another line stands where an event was');

export class LineScan {
  readonly #frame: Buffer;
  readonly #view: DataView;
  readonly #head: Uint8Array;
  readonly #headView: DataView;

  /** Of lines that all begin with the head of one session. */
  constructor(frame: Buffer, head: Uint8Array) {
    this.#frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    this.#head = head;
    this.#headView = new DataView(head.buffer, head.byteOffset, head.length);
  }

  /** Behind the seq of the line, which has to be this one. */
  afterSeq(at: number, seq: number): number {
    if (!this.#hasHead(at)) throw anotherLine();
    const frame = this.#frame;
    let value = 0;
    let end = at + this.#head.length;
    for (let digit = frame[end] ?? 0; digit >= zero && digit <= nine; digit = frame[end] ?? 0) {
      value = value * 10 + (digit - zero);
      end += 1;
    }
    if (value !== seq) throw anotherLine();
    return end;
  }

  /** As `afterSeq`, where it is known that the line is this one. */
  passSeq(at: number, seq: number): number {
    let end = at + this.#head.length + 1;
    for (let power = 10; seq >= power; power *= 10) end += 1;
    return end;
  }

  #hasHead(at: number): boolean {
    const [head, view, headView] = [this.#head, this.#view, this.#headView];
    if (at + head.length > view.byteLength) return false;
    let index = 0;
    for (; index + wordBytes <= head.length; index += wordBytes) {
      if (view.getUint32(at + index) !== headView.getUint32(index)) return false;
    }
    for (; index < head.length; index += 1) {
      if (view.getUint8(at + index) !== headView.getUint8(index)) return false;
    }
    return true;
  }

  /** Where the first `event` member of a line begins, which lies between these two. */
  memberIn(from: number, lineEnd: number): number {
    const frame = this.#frame;
    const last = lineEnd - eventMemberBytes;
    for (let at = from; at <= last; ) {
      const byte = frame[at + eventMemberBytes - 1] as number;
      if (byte === colon && hasAt(frame, stored, at)) return at;
      at += skips[byte] as number;
    }
    throw anotherLine();
  }
}
