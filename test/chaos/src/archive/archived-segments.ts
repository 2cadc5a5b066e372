// What a bucket has of archived events, by its manifests and the files that they name, read as any other program would:
// files of the S3 server's folder, and the zstd command.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

interface SegmentRef {
  readonly name: string;
  readonly firstOffset: number;
  readonly bytes: number;
  readonly rawBytes: number;
}

export interface ShardSegments {
  /** As its log is named: topic/partition. */
  readonly shard: string;
  readonly segments: readonly SegmentRef[];
}

export interface FoundSegments {
  readonly shards: readonly ShardSegments[];
  readonly segments: number;
  readonly events: number;
  readonly bytes: number;
  readonly rawBytes: number;
  readonly wrong: readonly string[];
}

/** `folder` is the bucket's. */
export async function segmentsIn(folder: string): Promise<FoundSegments> {
  const names = await readdir(folder, { recursive: true });
  const manifests = names.filter((name) => /\/[^/]+\/\d+\/[^/]+\/segments\.json$/.test(name));
  const wrong: string[] = [];
  const seqs = new Map<string, Set<number>>();
  const shards: ShardSegments[] = [];
  let [segments, events, bytes, rawBytes] = [0, 0, 0, 0];
  for (const name of manifests) {
    const text = await readFile(join(folder, name), 'utf8');
    const manifest = JSON.parse(text) as { readonly segments: readonly SegmentRef[] };
    const [topic = '', partition = ''] = name.split('/').slice(-4);
    shards.push({ shard: `${topic}/${partition}`, segments: manifest.segments });
    for (const segment of manifest.segments) {
      const path = join(folder, segment.name);
      const { size } = await stat(path);
      if (size !== segment.bytes) wrong.push(`${segment.name} has ${size} bytes`);
      for await (const line of decodedLines(path)) {
        addLine(seqs, line, wrong);
        events += 1;
      }
      segments += 1;
      bytes += size;
      rawBytes += segment.rawBytes;
    }
  }
  for (const [session, of] of seqs) {
    if (of.size !== lastOf(of) + 1) wrong.push(`segments have a gap in ${session}`);
  }
  return { shards, segments, events, bytes, rawBytes, wrong };
}

/** One by one: merged segments are larger than a text can be. */
async function* decodedLines(path: string): AsyncGenerator<string> {
  const zstd = spawn('zstd', ['-dc', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(zstd, 'exit');
  yield* createInterface({ input: zstd.stdout });
  const [code] = await ended;
  if (code !== 0) throw new Error(`zstd ends with ${code} on ${path}`);
}

function addLine(seqs: Map<string, Set<number>>, line: string, wrong: string[]): void {
  const { session, seq } = JSON.parse(line) as { readonly session: string; readonly seq: number };
  const of = seqs.get(session) ?? new Set<number>();
  seqs.set(session, of);
  if (of.has(seq)) wrong.push(`segments have ${session}/${seq} twice`);
  of.add(seq);
}

const lastOf = (seqs: ReadonlySet<number>): number => {
  let last = -1;
  for (const seq of seqs) last = Math.max(last, seq);
  return last;
};

/** Of what is in segments, the bytes of events that a log still has that begins there. */
export const keptBehind = (segments: readonly SegmentRef[], logStart: number): number =>
  segments
    .filter(({ firstOffset }) => firstOffset >= logStart)
    .reduce((sum, { rawBytes }) => sum + rawBytes, 0);
