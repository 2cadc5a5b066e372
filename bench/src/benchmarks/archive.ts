import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess } from '@tidemark/infra';
import type { ObjectStore } from '@tidemark/ports';
import { openPlainStore } from '@tidemark/s3/testing';
import type { Benchmark } from '../benchmark.ts';
import { emptyBucket } from '../contestants/bucket.ts';
import { command } from '../contestants/command-line.ts';
import { plainZstd } from '../contestants/plain-zstd.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { tidemarkOverS3 } from '../contestants/tidemark-over-s3.ts';
import type { Context } from '../context.ts';
import type { ArchiveFigures } from '../cost/cost-model.ts';
import { appendAgentSessions } from '../load/agent-sessions.ts';
import { atMost, type Row } from '../result.ts';
import { mib } from '../rounding.ts';
import { bucketRequests, scraped, untilArchived } from '../scrape.ts';
import { timedSeconds } from '../waits.ts';

const ours = tidemarkEmbedded.name;
const eventsPerBatch = 100;
const eventsPerSession = 200;
/** One session has this share of all events. */
const longShare = 0.05;
const long = 'long';
const writers = 16;
const segmentBytes = 8 * 1_048_576;

interface Written {
  readonly rawBytes: number;
  readonly appendSeconds: number;
  /** From the first append until all was archived. */
  readonly seconds: number;
  readonly segmentsWritten: number;
  readonly requests: Readonly<Record<string, number>>;
}

/** Of a run, for the model of costs and for whoever compares it with another. */
interface Figures extends ArchiveFigures {
  readonly sessions: number;
  readonly appendsPerSecond: number;
  readonly segmentsWritten: number;
  readonly againstPlainZstd: number | undefined;
  readonly replayPerSecond: { readonly ndjson: number; readonly parquet: number };
  readonly oneSession: { readonly exportPerSecond: number; readonly importPerSecond: number };
  readonly zstdWcPerSecond: number | undefined;
}

/** What merging has left. */
interface Segments {
  readonly count: number;
  readonly bytes: number;
  readonly shards: number;
}

export const archive: Benchmark = {
  name: 'archive',
  title:
    'A million events archived: requests, bytes, and all of them out again by the command line',
  isLong: true,
  async run(context) {
    const [events = 0] = context.points([1_000_000], [2_000]);
    const longEvents = events * longShare;
    await using s3 = await emptyBucket();
    await using store = await openPlainStore(s3);
    const everyMs = context.scaled(5_000, 1_000);
    const settings = {
      TIDEMARK_LOG_KEEP_MIB: '0',
      TIDEMARK_SEGMENT_MS: String(everyMs),
      TIDEMARK_PUBLISH_MS: String(everyMs),
      TIDEMARK_MEMORY_MIB: '256',
    };
    const start = tidemarkOverS3({ place: context.place, s3, settings });
    let written: Written;
    {
      await using server = await start();
      written = await write(context, server, events);
    }
    const segments = await segmentsIn(store);
    await using server = await start();
    const { url } = server;
    const { folder } = context.place;
    const zstd = await plainZstd(context, url);
    const rate = async (words: readonly string[], count: number): Promise<number> =>
      Math.round(count / (await command(url, words)).seconds);
    const replay = (format: string): Promise<number> =>
      rate(['replay', '--folder', join(folder, format), '--format', format], events);
    const file = join(folder, 'long.archive');
    const replayPerSecond = { ndjson: await replay('ndjson'), parquet: await replay('parquet') };
    const oneSession = {
      exportPerSecond: await rate(['export', long, '--archive', '--out', file], longEvents),
      importPerSecond: await rate(
        ['import', 'archive', '--from', file, '--as', 'again'],
        longEvents,
      ),
    };
    const figures: Figures = {
      events,
      sessions: sessionsOf(events),
      rawMib: mib(written.rawBytes),
      appendsPerSecond: Math.round(events / written.appendSeconds),
      requests: written.requests,
      segmentsWritten: written.segmentsWritten,
      segments: { count: segments.count, mib: mib(segments.bytes) },
      againstPlainZstd: zstd === undefined ? undefined : thousandths(segments.bytes / zstd.bytes),
      replayPerSecond,
      oneSession,
      zstdWcPerSecond: zstd?.linesPerSecond,
    };
    return {
      rows: rowsOf(figures),
      bars: [
        atMost(
          `segments written over one for 8 MiB or ${everyMs / 1_000} s of a shard`,
          written.segmentsWritten / allowed(written, segments.shards, everyMs),
          1,
        ),
        atMost(
          'segments over the same lines in one plain zstd -3 file',
          figures.againstPlainZstd,
          1.15,
        ),
      ],
      figures,
      notes: [
        'each segment that is written is a PUT, and one of its manifest; the other PUTs are of merges, of tables of sessions and search, and of their manifests',
      ],
    };
  },
};

const thousandths = (value: number): number => Math.round(value * 1_000) / 1_000;

const sessionsOf = (events: number): number => events / eventsPerSession;

async function write(context: Context, server: AppProcess, events: number): Promise<Written> {
  const startMs = performance.now();
  let rawBytes = 0;
  const appendSeconds = await timedSeconds(async () => {
    const batches = batchesOf(events);
    rawBytes = await appendAgentSessions({ target: server, batches, eventsPerBatch, writers });
  });
  await untilArchived(server);
  const seconds = (performance.now() - startMs) / 1_000;
  const written = appendSeconds.toFixed(1);
  context.say(
    `  written in ${written} s, archived ${(seconds - appendSeconds).toFixed(1)} s later`,
  );
  // Sessions are published and segments merged behind the last of them.
  await delay(context.scaled(12_000, 100));
  return {
    rawBytes,
    appendSeconds,
    seconds,
    segmentsWritten: await scraped(server, 'tidemark_tiering_segments_total'),
    requests: await bucketRequests(server),
  };
}

/** The long session comes last. */
function batchesOf(events: number): readonly string[] {
  const count = events / eventsPerBatch;
  const ofLong = count * longShare;
  return Array.from({ length: count }, (_, index) =>
    index < count - ofLong ? `s${index % sessionsOf(events)}` : long,
  );
}

async function segmentsIn(store: ObjectStore): Promise<Segments> {
  let [count, bytes, shards] = [0, 0, 0];
  for await (const { key } of store.list('shards/')) {
    if (!key.endsWith('segments.json')) continue;
    const manifest = await store.get(key);
    const { segments } = JSON.parse(Buffer.from(manifest?.body ?? '').toString()) as {
      readonly segments: readonly { readonly bytes: number }[];
    };
    shards += 1;
    count += segments.length;
    bytes += segments.reduce((sum, each) => sum + each.bytes, 0);
  }
  return { count, bytes, shards };
}

/** One whenever there is enough of a shard, or the first of it has waited for so long. */
const allowed = ({ rawBytes, seconds }: Written, shards: number, everyMs: number): number =>
  rawBytes / segmentBytes + shards * (1 + (seconds * 1_000) / everyMs);

function rowsOf(figures: Figures): Row[] {
  const { events, replayPerSecond, oneSession, zstdWcPerSecond } = figures;
  const rate = (what: string, perSecond: number): Row => ({ what, contestant: ours, perSecond });
  return [
    {
      ...rate(`${events} events appended`, figures.appendsPerSecond),
      more: { rawMib: figures.rawMib, sessions: figures.sessions },
    },
    {
      what: 'their segments',
      contestant: ours,
      more: {
        written: figures.segmentsWritten,
        left: figures.segments.count,
        leftMib: figures.segments.mib,
        ...figures.requests,
      },
    },
    rate('replayed to NDJSON', replayPerSecond.ndjson),
    rate('replayed to Parquet', replayPerSecond.parquet),
    rate('one session of a twentieth exported', oneSession.exportPerSecond),
    rate('the same imported', oneSession.importPerSecond),
    ...(zstdWcPerSecond === undefined
      ? []
      : [
          {
            what: 'the same lines read',
            contestant: 'zstd -dc | wc -l',
            perSecond: zstdWcPerSecond,
          },
        ]),
  ];
}
