// Many sessions appended to while they are archived, merged and read, with everything killed in the middle, or with S3
// away for a while: every reader sees every event once and in order, every segment decodes and has all of them, the log
// is trimmed.

import { setTimeout as delay } from 'node:timers/promises';
import { MetricsWatch } from '../metrics-watch.ts';
import { ArchiveLoad, quantile } from './archive-load.ts';
import {
  type ArchivePlace,
  crashesOf,
  keepBytes,
  openPlace,
  type PlaceOptions,
} from './archive-place.ts';
import { keptBehind, type ShardSegments, segmentsIn } from './archived-segments.ts';

export interface ArchiveRunOptions extends PlaceOptions {
  readonly events: number;
  readonly sessions: number;
  readonly readers: number;
  /** How often everything is killed while it is written. */
  readonly kills: number;
  /** How long S3 is away while it is written; 0: not at all. */
  readonly s3AwaySeconds: number;
  readonly say: (line: string) => void;
}

export interface ArchiveRunReport {
  readonly events: number;
  readonly seconds: number;
  readonly readEvents: number;
  readonly wrong: readonly string[];
  readonly figures: Readonly<Record<string, string | number>>;
}

const perAppend = 10;
const archivedMsMax = 15 * 60_000;
/** Brokers note once a minute where their logs begin. */
const trimmedMsMax = 150_000;
/** Of 64 MiB: what is kept, what is written, and one of each that is not full. */
const logFilesMax = 4;

export async function runArchive(options: ArchiveRunOptions): Promise<ArchiveRunReport> {
  await using place = await openPlace(options);
  options.say(
    `apps: ${place
      .apps()
      .map(({ app, pid }) => `${app} pid ${pid}`)
      .join(', ')}`,
  );
  await using watch = new MetricsWatch(place.apps);
  return await new ArchiveRun(options, place, watch).run();
}

class ArchiveRun {
  readonly #options: ArchiveRunOptions;
  readonly #place: ArchivePlace;
  readonly #load: ArchiveLoad;
  readonly #watch: MetricsWatch;
  readonly #figures: Record<string, string | number> = {};
  readonly #wrong: string[] = [];

  constructor(options: ArchiveRunOptions, place: ArchivePlace, watch: MetricsWatch) {
    this.#options = options;
    this.#place = place;
    this.#watch = watch;
    this.#load = new ArchiveLoad(place, options.sessions);
  }

  async run(): Promise<ArchiveRunReport> {
    const { events, readers, say } = this.#options;
    const startMs = performance.now();
    let isWritten = false;
    const reading = Promise.all(
      Array.from({ length: readers }, (_, reader) =>
        this.#load.follow(this.#sessionsOf(reader), () => isWritten),
      ),
    );
    let isHarmed = false;
    const harm = this.#harm().then(() => {
      isHarmed = true;
    });
    await this.#load.write(events, perAppend, () => !isHarmed);
    await harm;
    isWritten = true;
    const seconds = Math.round((performance.now() - startMs) / 1_000);
    say(`written in ${seconds} s; readers finish`);
    const read = await reading;
    await this.#untilArchived();
    await this.#watch.look();
    this.#tellRequests();
    say('archived; everything is read once more');
    const all = this.#load.acknowledged.map((_, session) => session);
    const again = await this.#load.follow(all, () => true);
    await this.#look(again);
    return {
      events: this.#load.acknowledged.reduce((sum, count) => sum + count, 0),
      seconds,
      readEvents: read.reduce((sum, count) => sum + count, again),
      wrong: [...this.#wrong, ...this.#load.wrong, ...crashesOf(this.#place.apps())],
      figures: this.#figures,
    };
  }

  /** Each session is followed by two readers. */
  #sessionsOf(reader: number): readonly number[] {
    const { readers, sessions } = this.#options;
    const all = Array.from({ length: sessions }, (_, session) => session);
    return all.filter((session) => {
      const first = session % readers;
      return first === reader || (first + 1 + Math.floor(session / readers)) % readers === reader;
    });
  }

  async #harm(): Promise<void> {
    const { kills, events, say, s3AwaySeconds } = this.#options;
    const until = async (share: number): Promise<void> => {
      while (this.#load.sentEvents < events * share) await delay(50);
    };
    for (let kill = 1; kill <= kills; kill += 1) {
      await until(kill / (kills + 1));
      say(`kill ${kill}: everything, at ${this.#load.sentEvents} events`);
      await this.#place.killAll();
    }
    if (s3AwaySeconds === 0) return;
    await until(0.2);
    await this.#withoutS3(s3AwaySeconds);
  }

  /** Appends and hot reads go on, and somebody is told. */
  async #withoutS3(seconds: number): Promise<void> {
    const { say } = this.#options;
    const { latenciesMs, repeated } = this.#load;
    const quietP99 = quantile(latenciesMs.splice(0), 0.99);
    repeated.clear();
    say(`S3 is away for ${seconds} s`);
    const bringBack = await this.#place.takeS3();
    let rang = 0;
    for (let second = 0; second < seconds; second += 1) {
      await delay(1_000);
      if (await this.#isRinging()) rang += 1;
    }
    this.#figures['appends while S3 was away'] = latenciesMs.length;
    this.#figures['p99 ms before'] = quietP99;
    this.#figures['p99 ms while away'] = quantile(latenciesMs, 0.99);
    this.#figures['seconds with an alarm'] = rang;
    this.#figures['requests repeated while away'] = [...repeated.values()].reduce(
      (a, b) => a + b,
      0,
    );
    if (rang === 0) this.#wrong.push('no alarm rang while S3 was away');
    if (latenciesMs.length === 0) this.#wrong.push('nothing was appended while S3 was away');
    await bringBack();
    say('S3 is back');
  }

  async #isRinging(): Promise<boolean> {
    const pages = await Promise.all(this.#place.apps().map(({ url }) => textAt(`${url}/readyz`)));
    return pages.some((page) => page.includes('objects'));
  }

  async #untilArchived(): Promise<void> {
    const endMs = performance.now() + archivedMsMax;
    while (performance.now() < endMs) {
      const pages = await Promise.all(
        this.#place.apps().map(({ url }) => textAt(`${url}/metrics`)),
      );
      const waiting = pages.flatMap((page) => {
        const [, bytes] = /^tidemark_tiering_waiting_bytes (\d+)/m.exec(page) ?? [];
        return bytes === undefined ? [] : [Number(bytes)];
      });
      if (waiting.length > 0 && waiting.every((bytes) => bytes === 0)) return;
      await delay(1_000);
    }
    this.#wrong.push('not everything was archived in a quarter of an hour');
  }

  async #look(readAgain: number): Promise<void> {
    const written = this.#load.acknowledged.reduce((sum, count) => sum + count, 0);
    if (readAgain !== written)
      this.#wrong.push(`${readAgain} of ${written} events were read again`);
    const found = await segmentsIn(this.#place.bucketFolder);
    this.#wrong.push(...found.wrong);
    if (found.events !== written) {
      this.#wrong.push(`segments have ${found.events} of ${written} events`);
    }
    await this.#lookAtLog(found.shards);
    this.#figures['segments'] = found.segments;
    this.#figures['MiB of events'] = Math.round(found.rawBytes / 1_048_576);
    this.#figures['MiB of segments'] = Math.round(found.bytes / 1_048_576);
    for (const [what, count] of this.#load.repeated) this.#figures[`repeated: ${what}`] = count;
  }

  /** It has what it is to keep, and one segment that ends in there. */
  async #lookAtLog(shards: readonly ShardSegments[]): Promise<void> {
    const endMs = performance.now() + trimmedMsMax;
    for (;;) {
      const { told, isTrimmed } = await this.#logNow(shards);
      this.#figures['the log keeps'] = told;
      if (isTrimmed) return;
      if (performance.now() > endMs) break;
      await delay(5_000);
    }
    this.#wrong.push('the log is not trimmed to its margin');
  }

  async #logNow(
    shards: readonly ShardSegments[],
  ): Promise<{ readonly told: string; readonly isTrimmed: boolean }> {
    const kept = await this.#place.logKept();
    if (kept.kind === 'files') {
      const { files } = kept;
      return { told: `${files} files of 64 MiB`, isTrimmed: files <= logFilesMax };
    }
    const told: string[] = [];
    let isTrimmed = true;
    for (const { shard, segments } of shards) {
      const largest = Math.max(...segments.map(({ rawBytes }) => rawBytes));
      const bytes = keptBehind(segments, kept.starts.get(shard) ?? 0);
      isTrimmed &&= bytes <= keepBytes + largest;
      told.push(`${shard} ${Math.round(bytes / 1_048_576)} MiB of what is archived`);
    }
    return { told: told.join(', '), isTrimmed };
  }

  /** Of whoever archives, as counted a second before it was killed. */
  #tellRequests(): void {
    const requests = (call: string): number =>
      this.#watch.sum('tidemark_s3_attempt_seconds_count', `call="${call}",outcome="answered"`);
    const segments = this.#watch.sum('tidemark_tiering_segments_total');
    this.#figures['segments written, merged ones with them'] = segments;
    this.#figures['PUTs by all processes, manifests and tables with them'] = requests('put');
    this.#figures['parts of large objects'] = requests('uploadPart');
  }
}

async function textAt(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text();
  } catch {
    return '';
  }
}
