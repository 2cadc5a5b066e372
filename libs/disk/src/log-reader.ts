import { isFault, type ReadChunk, type StoredRecord } from '@tidemark/ports';
import { present } from '@tidemark/std';
import { corrupt, type LogFile } from './log-file.ts';
import { decodeRecords, endOfEntry, regionOf } from './log-format.ts';
import type { ShardState } from './log-state.ts';
import type { RecentGroups } from './recent-groups.ts';
import type { EntryPlace } from './shard-index.ts';

interface ReadPlace {
  readonly shard: ShardState;
  readonly from: number;
  readonly bytesMax: number;
  readonly salt: number;
}

/** A file read takes other shards' bytes along up to this size: one read costs more than they do. */
const rangeBytesMax = 1_024 * 1_024;

/** Where less than this part of a range is wanted, it is copied out, so that the rest can go. */
const wantedShareMin = 0.25;

/** What lies at an offset below the end. Undefined where a trim has just taken it. */
export async function readChunk(
  { files, recent }: { readonly files: readonly LogFile[]; readonly recent: RecentGroups },
  place: ReadPlace,
): Promise<ReadChunk | undefined> {
  const { index } = place.shard;
  const first = index.at(index.indexOf(place.from));
  if (recent.find(first.fileNumber, first.position) !== undefined) {
    return chunkOf(recentRecords(recent, place));
  }
  const file = files.find((candidate) => candidate.number === first.fileNumber);
  try {
    return chunkOf(await fileRecords(present(file, 'file'), place));
  } catch (cause) {
    if (isFault(cause) && place.from < place.shard.start) return undefined;
    throw cause;
  }
}

/** The entries from the one that holds the offset, as many as the chunk takes. */
function* entriesOfChunk({ shard, from, bytesMax }: ReadPlace): Generator<EntryPlace> {
  const { index } = shard;
  let bytes = 0;
  for (let at = index.indexOf(from); at < index.size; at += 1) {
    const entry = index.at(at);
    if (bytes > 0 && bytes + entry.bytes > bytesMax) return;
    bytes += entry.bytes;
    yield entry;
  }
}

function recentRecords(recent: RecentGroups, place: ReadPlace): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (const entry of entriesOfChunk(place)) {
    const group = recent.find(entry.fileNumber, entry.position);
    // What was moved on is nearer to the tail than what follows it.
    if (group === undefined) break;
    const at = entry.position - group.position;
    const copy = group.bytes.slice(at, at + entry.bytes);
    decodeRecords(regionOf(copy), 0, { from: place.from, records });
  }
  return records;
}

/** One range of the file, up to where the entries lie too far apart. */
async function fileRecords(file: LogFile, place: ReadPlace): Promise<StoredRecord[]> {
  const wanted: EntryPlace[] = [];
  let wantedBytes = 0;
  for (const entry of entriesOfChunk(place)) {
    const { position: firstPosition } = wanted[0] ?? entry;
    const isBehind = entry.position >= (wanted.at(-1)?.position ?? 0);
    const isNear = isBehind && entry.position + entry.bytes <= firstPosition + rangeBytesMax;
    if (wanted.length > 0 && (entry.fileNumber !== file.number || !isNear)) break;
    wanted.push(entry);
    wantedBytes += entry.bytes;
  }
  const first = present(wanted[0], 'entry');
  const last = present(wanted.at(-1), 'entry');
  const rangeBytes = last.position + last.bytes - first.position;
  const range = regionOf(await file.read(first.position, rangeBytes));
  const mustCopy = wantedBytes < rangeBytes * wantedShareMin;
  const records: StoredRecord[] = [];
  for (const entry of wanted) {
    const at = entry.position - first.position;
    const end = at + entry.bytes;
    if (endOfEntry(range, at, place.salt) !== end) {
      throw corrupt(file.number, entry.position, 'an entry does not match its checksum');
    }
    const [region, entryAt] = mustCopy ? [regionOf(range.bytes.slice(at, end)), 0] : [range, at];
    decodeRecords(region, entryAt, { from: place.from, records });
  }
  return records;
}

function chunkOf(records: readonly StoredRecord[]): ReadChunk {
  const last = present(records.at(-1), 'record');
  return { records, nextOffset: last.offset + 1n };
}
