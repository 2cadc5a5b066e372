import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess, SharedS3 } from '@tidemark/infra';
import type { ObjectStore } from '@tidemark/ports';
import { openPlainStore } from '@tidemark/s3/testing';
import type { Benchmark } from '../benchmark.ts';
import { emptyBucket } from '../contestants/bucket.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { type ServerStart, tidemarkOverS3 } from '../contestants/tidemark-over-s3.ts';
import type { Context } from '../context.ts';
import { appendAgentSessions } from '../load/agent-sessions.ts';
import { processFigures } from '../process-figures.ts';
import { countRanges } from '../range-counter.ts';
import { atLeast, atMost, type Bar, type Row } from '../result.ts';
import { hundredths, mib } from '../rounding.ts';
import { type Spread, spreadOf } from '../sample.ts';
import { untilArchived } from '../scrape.ts';
import { timedSeconds } from '../waits.ts';

const plain = 'one plain GET';
const eventsPerBatch = 500;
const readsBeforeFirstByteMax = 2;
const segmentPaths = /\/segments\//;

/** What a process has done before it reads a session that it has not read. */
interface Way {
  readonly what: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Archived sessions were read by it. */
  readonly hasServed?: boolean;
  /** An earlier process has read all of them, and left them on the disk. */
  readonly isCached?: boolean;
}

interface ColdRead {
  readonly seconds: number;
  readonly bytes: number;
  readonly firstByteAtMs: number;
  readonly firstByteMs: number;
  readonly cpuSeconds: number;
}

interface AgainstPlain {
  readonly read: ColdRead;
  /** Of the GET that followed. */
  readonly plainSeconds: number;
}

interface RangedReads {
  readonly all: number;
  readonly beforeFirstByte: number;
  /** Of those, of the segment that the first byte lies in. */
  readonly ofItsSegment: number;
}

interface Measured {
  readonly way: Way;
  readonly found: readonly AgainstPlain[];
  readonly ranges: RangedReads;
}

const served: Way = { what: 'has served others', hasServed: true };

const waysOf = ({ place }: Context): readonly Way[] => [
  { what: 'just started' },
  served,
  {
    what: 'just started, cached on the disk',
    settings: { TIDEMARK_CACHE_DIR: join(place.folder, 'cache') },
    isCached: true,
  },
];

export const coldRead: Benchmark = {
  name: 'cold-read',
  title: 'An archived session read whole from the bucket, against one plain GET of as many bytes',
  async run(context) {
    await using s3 = await emptyBucket();
    await using store = await openPlainStore(s3);
    const reads = new ColdReads(context, s3, store);
    await reads.fill();
    const measured: Measured[] = [];
    for (const way of context.scaled(waysOf(context), [served])) {
      measured.push(await reads.measure(way));
    }
    return {
      rows: measured.flatMap(rowsOf),
      bars: measured.flatMap(barsOf),
      notes: [
        'each read is followed by its plain GET; ranged reads are counted in a round of their own, through a proxy that holds back all further ones of an object until the first byte is there',
      ],
    };
  },
};

class ColdReads {
  readonly #context: Context;
  readonly #s3: SharedS3;
  readonly #store: ObjectStore;
  readonly #start: ServerStart;
  readonly #events: number;
  /** Each is read once by a process. */
  readonly #longs: readonly string[];
  /** Sessions that the process has served before. */
  readonly #others: readonly string[];
  #isPlainKept = false;

  constructor(context: Context, s3: SharedS3, store: ObjectStore) {
    const [events = 0] = context.points([50_000], [1_000]);
    const names = (what: string, count: number): readonly string[] =>
      Array.from({ length: count }, (_, index) => `${what}-${index}`);
    this.#context = context;
    this.#s3 = s3;
    this.#store = store;
    this.#events = events;
    this.#longs = names('long', context.scaled(6, 1));
    this.#others = names('other', context.scaled(8, 1));
    const everyMs = context.scaled('2000', '1000');
    const settings = {
      TIDEMARK_LOG_KEEP_MIB: '0',
      TIDEMARK_SEGMENT_MS: everyMs,
      TIDEMARK_PUBLISH_MS: everyMs,
    };
    this.#start = tidemarkOverS3({ place: context.place, s3, settings });
  }

  async fill(): Promise<void> {
    await using server = await this.#start();
    const batchesOf = (names: readonly string[], events: number): readonly string[] =>
      names.flatMap((name) => Array.from({ length: events / eventsPerBatch }, () => name));
    await appendAgentSessions({
      target: server,
      batches: [
        ...batchesOf(this.#others, this.#context.scaled(5_000, eventsPerBatch)),
        ...batchesOf(this.#longs, this.#events),
      ],
      eventsPerBatch,
      writers: 1,
    });
    await untilArchived(server);
    // The log lets go once its sessions are published.
    await delay(this.#context.scaled(8_000, 1_500));
  }

  async measure(way: Way): Promise<Measured> {
    const rounds = this.#context.roundsOr(7);
    this.#context.say(`  ${way.what}: ${rounds} rounds`);
    if (way.isCached === true) await this.#readAll(way);
    const found: AgainstPlain[] = [];
    for (let round = 0; round < rounds; round += 1) found.push(...(await this.#readIn(way, round)));
    return { way, found, ranges: await this.#countedReads(way) };
  }

  async #readAll({ settings }: Way): Promise<void> {
    await using server = await this.#start(settings);
    for (const name of this.#longs) await readWhole(server, name);
  }

  /** By one process: one session where it has just started, all where it has served others. */
  async #readIn(way: Way, round: number): Promise<AgainstPlain[]> {
    await using server = await this.#served(way);
    const longs =
      way.hasServed === true ? this.#longs : [this.#longs[round % this.#longs.length] ?? ''];
    const found: AgainstPlain[] = [];
    for (const name of longs) {
      const read = await readWhole(server, name);
      found.push({ read, plainSeconds: await this.#plainSeconds(read.bytes) });
      await delay(this.#context.scaled(300, 10));
    }
    return found;
  }

  async #served({ settings, hasServed = false }: Way): Promise<AppProcess> {
    const server = await this.#start(settings);
    // Of what a process does once it has started; and longer than it tells the same of its metrics.
    await delay(this.#context.scaled(3_000, 50));
    // What is connected is connected: one request of each kind before the clock runs.
    await fetch(`${server.url}/v1/stream/none`);
    for (const name of hasServed ? this.#others : []) await readWhole(server, name);
    return server;
  }

  async #plainSeconds(bytes: number): Promise<number> {
    if (!this.#isPlainKept) await this.#store.putIfAbsent('bench/plain', new Uint8Array(bytes));
    this.#isPlainKept = true;
    return timedSeconds(() => this.#store.get('bench/plain'));
  }

  async #countedReads(way: Way): Promise<RangedReads> {
    await using counter = await countRanges(this.#s3.endpoint);
    await using server = await this.#served({
      ...way,
      settings: { ...way.settings, TIDEMARK_S3_ENDPOINT: counter.endpoint },
    });
    counter.hold(segmentPaths, readsBeforeFirstByteMax);
    // Where more is waited for it is counted, too late for the bar.
    const giveUp = setTimeout(() => counter.release(), 5_000);
    const read = await readWhole(server, this.#longs[0] ?? '', () => counter.release());
    clearTimeout(giveUp);
    const { firstByteAtMs, firstByteMs, seconds } = read;
    const startMs = firstByteAtMs - firstByteMs;
    const endMs = startMs + seconds * 1_000;
    const own = counter.reads.filter(
      ({ atMs, path }) => atMs >= startMs && atMs <= endMs && segmentPaths.test(path),
    );
    const before = own.filter(({ atMs }) => atMs < firstByteAtMs);
    const [first] = own.map(({ path }) => path).sort();
    const ofFirst = before.filter(({ path }) => path === first);
    return { all: own.length, beforeFirstByte: before.length, ofItsSegment: ofFirst.length };
  }
}

async function readWhole(
  { url, pid }: AppProcess,
  name: string,
  onFirstByte?: () => void,
): Promise<ColdRead> {
  const before = processFigures(pid).cpuSeconds;
  const startMs = performance.now();
  let [bytes, firstByteAtMs] = [0, 0];
  for (let offset = '-1'; ; ) {
    const response = await fetch(`${url}/v1/stream/${name}?offset=${offset}`);
    for await (const chunk of response.body ?? []) {
      if (bytes === 0) {
        firstByteAtMs = performance.now();
        onFirstByte?.();
      }
      bytes += (chunk as Uint8Array).length;
    }
    offset = response.headers.get('stream-next-offset') ?? offset;
    if (response.headers.get('stream-up-to-date') !== 'true') continue;
    const seconds = (performance.now() - startMs) / 1_000;
    const cpuSeconds = processFigures(pid).cpuSeconds - before;
    return { seconds, bytes, firstByteAtMs, firstByteMs: firstByteAtMs - startMs, cpuSeconds };
  }
}

/** Ours over the plain one, read by read. */
const shareOf = ({ found }: Measured): Spread =>
  spreadOf(found.map(({ read, plainSeconds }) => plainSeconds / read.seconds));

function barsOf(measured: Measured): Bar[] {
  const { way, ranges } = measured;
  // Then there may be nothing to read from the bucket.
  if (way.isCached === true) return [];
  return [
    ...(way.hasServed === true
      ? [atLeast(`${way.what}: of a plain GET’s throughput`, shareOf(measured), 0.6)]
      : []),
    atMost(
      `${way.what}: ranged reads of its segment before the first byte`,
      ranges.ofItsSegment,
      readsBeforeFirstByteMax,
    ),
  ];
}

function rowsOf(measured: Measured): Row[] {
  const { way, found, ranges } = measured;
  const median = (figure: (each: AgainstPlain) => number): number =>
    spreadOf(found.map(figure)).median;
  const [one] = found;
  const { what } = way;
  return [
    {
      what,
      contestant: tidemarkEmbedded.name,
      p50Ms: 1_000 * median(({ read }) => read.seconds),
      more: {
        reads: found.length,
        mib: mib(one?.read.bytes ?? 0),
        firstByteMs: hundredths(median(({ read }) => read.firstByteMs)),
        cpuMs: Math.round(1_000 * median(({ read }) => read.cpuSeconds)),
        rangedReads: ranges.all,
        beforeFirstByte: ranges.beforeFirstByte,
        ofItsSegment: ranges.ofItsSegment,
      },
    },
    {
      what,
      contestant: plain,
      p50Ms: 1_000 * median(({ plainSeconds }) => plainSeconds),
      rateRatio: shareOf(measured),
    },
  ];
}
