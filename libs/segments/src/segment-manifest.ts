// What of a shard's log is in segments:
//
//   manifest := {format, version, serial, nonce, endOffset, segments, erasing, erasingSinceMs}
//   segment  := {name, firstOffset, endOffset, bytes, footerStart, events, rawBytes, firstMs, lastMs}
//
// as JSON, replaced only by compare-and-swap. The segments follow one another without a gap up to `endOffset`;
// a range that has no event has no segment. `erasing` are the keys of sessions that have ended since their events
// may have been archived: their lines go with the next erasure. `nonce` tells its writer whether it stands. Stored.

import { Problem } from '@tidemark/protocol';
import type { LogName } from '@tidemark/replica';
import { bytesOf, strictTextOf } from '@tidemark/std';

const format = 'tidemark-segments';
const version = 1;

export interface SegmentRef {
  readonly name: string;
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly bytes: number;
  readonly footerStart: number;
  readonly events: number;
  readonly rawBytes: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface SegmentManifest {
  readonly serial: number;
  readonly nonce: string;
  readonly endOffset: number;
  readonly segments: readonly SegmentRef[];
  readonly erasing: readonly string[];
  /** When the first of them was noted; 0 where there is none. */
  readonly erasingSinceMs: number;
}

/** Every key of an object that belongs to a shard's segments is made here. */
const folderOf = ({ shard, logEpoch }: LogName): string => `shards/${shard}/${logEpoch}`;
export const manifestKey = (log: LogName): string => `${folderOf(log)}/segments.json`;
export const erasurePrefix = (log: LogName): string => `${folderOf(log)}/erasures/`;
export const exportFolder = (log: LogName): string => `${folderOf(log)}/exports/`;
export const segmentPrefix = (log: LogName): string => `${folderOf(log)}/segments/`;

const padded = (offset: number): string => String(offset).padStart(16, '0');

export const segmentKey = (log: LogName, { firstOffset, endOffset }: Range, id: string): string =>
  `${segmentPrefix(log)}${padded(firstOffset)}-${padded(endOffset)}-${id}.ndjson.zst`;

/** As its name has it. */
export function rangeOfSegment(log: LogName, name: string): Range {
  const [first, end] = name.slice(segmentPrefix(log).length).split('-');
  return { firstOffset: Number(first), endOffset: Number(end) };
}

export interface Range {
  readonly firstOffset: number;
  readonly endOffset: number;
}

export const overlap = (one: Range, other: Range): boolean =>
  one.firstOffset < other.endOffset && other.firstOffset < one.endOffset;

export const encodeManifest = (manifest: SegmentManifest): Uint8Array =>
  bytesOf(JSON.stringify({ format, version, ...manifest }));

export function decodeManifest(bytes: Uint8Array): SegmentManifest {
  const text = strictTextOf(bytes) ?? '';
  let given: SegmentManifest & { readonly format: string; readonly version: number };
  try {
    given = JSON.parse(text) as typeof given;
  } catch (cause) {
    throw new Problem('corrupt', 'a manifest of segments does not decode', { cause });
  }
  if (given.format !== format || given.version !== version) {
    throw new Problem('corrupt', 'a manifest of segments is of another version');
  }
  const { serial, nonce, endOffset, segments, erasing, erasingSinceMs } = given;
  return { serial, nonce, endOffset, segments, erasing, erasingSinceMs };
}

export const noSegments: SegmentManifest = {
  serial: 0,
  nonce: '',
  endOffset: 0,
  segments: [],
  erasing: [],
  erasingSinceMs: 0,
};

/** The segment that an offset lies in, by halves. */
export function segmentAt({ segments }: SegmentManifest, offset: number): SegmentRef | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle] as SegmentRef).endOffset <= offset) low = middle + 1;
    else high = middle;
  }
  const found = segments[low];
  return found !== undefined && found.firstOffset <= offset ? found : undefined;
}
