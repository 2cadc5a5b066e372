// One session as a file of lines:
//
//   archive := part* end
//   part    := {"part", "content_type", "is_closed", "profile", "facts", "archived"} event*
//   event   := {"seq", "event"} | {"seq", "bytes"}        bytes in base64: what is not JSON, or has a line feed
//   end     := {"end": {"events", "sha256"}}              of the events' bytes, each behind its length
//
// `part` is what stands behind the session's name in the part's own: nothing, or `~` and a thread's id. Events are those
// that were appended, to the byte. A file without its end was cut off.

import { createHash, type Hash } from 'node:crypto';
import type { Json } from '@tidemark/sessions-client';

export interface ArchivePart {
  readonly part: string;
  readonly content_type: string;
  readonly is_closed: boolean;
  /** What a session is made with; null of one that is not JSON. */
  readonly profile: Json | null;
  readonly facts: readonly { readonly key: string; readonly value: unknown }[];
  readonly archived: boolean;
}

export interface ArchiveEnd {
  readonly events: number;
  readonly sha256: string;
}

/** Counts events, and tells what they were. */
export class EventDigest {
  readonly #hash: Hash = createHash('sha256');
  #events = 0;

  add(body: Uint8Array): void {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(body.length));
    this.#hash.update(length).update(body);
    this.#events += 1;
  }

  /** Once. */
  end(): ArchiveEnd {
    return { events: this.#events, sha256: this.#hash.digest('hex') };
  }
}

const lineFeed = 0x0a;

export function eventLineOf(seq: number, body: Uint8Array, isJson: boolean): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  return isJson && !body.includes(lineFeed)
    ? `{"seq":${seq},"event":${bytes.toString()}}`
    : `{"seq":${seq},"bytes":"${bytes.toString('base64')}"}`;
}

export type ArchiveLine =
  | { readonly kind: 'part'; readonly part: ArchivePart }
  | { readonly kind: 'event'; readonly seq: number; readonly body: Uint8Array }
  | { readonly kind: 'end'; readonly end: ArchiveEnd };

const eventHead = /^\{"seq":(\d+),"event":/;

/** Throws where it is no line of an archive. */
export function archiveLineOf(text: string): ArchiveLine {
  const [head, seq] = eventHead.exec(text) ?? [];
  if (head !== undefined) {
    return { kind: 'event', seq: Number(seq), body: Buffer.from(text.slice(head.length, -1)) };
  }
  const value = JSON.parse(text) as Json;
  if (typeof value['bytes'] === 'string') {
    return {
      kind: 'event',
      seq: Number(value['seq']),
      body: Buffer.from(value['bytes'], 'base64'),
    };
  }
  if (typeof value['end'] === 'object') {
    return { kind: 'end', end: value['end'] as unknown as ArchiveEnd };
  }
  if (typeof value['part'] !== 'string') throw new Error('not a line of an archive');
  return { kind: 'part', part: value as unknown as ArchivePart };
}
