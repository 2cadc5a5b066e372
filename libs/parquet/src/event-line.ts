// A line of a segment or an export: what stands in its columns, and the event to the byte.

const eventMember = Buffer.from(',"event":');
const bytesMember = 'null,"bytes":"';

export interface LineHead {
  readonly tenant: string;
  readonly session: string;
  readonly seq: number;
  readonly offset: number;
  readonly id: string | null;
  readonly time: string;
  readonly type: string | null;
  readonly level: string | null;
  readonly turn: string | null;
}

export interface EventLine {
  /** With its line feed. */
  readonly line: Buffer;
  readonly head: LineHead;
  /** Null of a stream that is not JSON. */
  readonly event: Buffer | null;
  /** The message of a stream that is not JSON. */
  readonly bytes: Buffer | null;
}

export function eventLine(line: Buffer): EventLine {
  // No text within JSON has this: its quotes would stand behind a backslash.
  const at = line.indexOf(eventMember);
  if (at === -1) throw new Error('a line of events has no event');
  const head = JSON.parse(`${line.toString('utf8', 0, at)}}`) as LineHead;
  const event = line.subarray(at + eventMember.length, -2);
  if (event.toString('latin1', 0, bytesMember.length) !== bytesMember) {
    return { line, head, event, bytes: null };
  }
  const encoded = event.toString('latin1', bytesMember.length, event.length - 1);
  return { line, head, event: null, bytes: Buffer.from(encoded, 'base64') };
}
