// Puts the events of a tenant that wants it into files for other tools, as they are archived.
//
// (1) One order: the files, a look at what was stored, then the manifest with the files and the offset up to which
//     they go. So each event that is kept is in one file that is named.
// (2) What does not fit a column is in the column of the event itself: no event holds up those behind it.
// (3) Files of a range of which something was erased are made anew from what is kept, and named instead.
// (4) What no manifest names is deleted after a grace, once whoever wrote it has given up.

import { type EventFormat, eventEncoder, eventLine } from '@tidemark/parquet';
import {
  type Clock,
  type Counter,
  type EventLog,
  isFault,
  type Metrics,
  type ObjectStore,
  type Prng,
  sleep,
  topicOf,
} from '@tidemark/ports';
import { Problem, parseTimestamp } from '@tidemark/protocol';
import type { ShardReplica, Tenant, TenantDirectory } from '@tidemark/replica';
import { concatBytes } from '@tidemark/std';
import { erasuresSince } from './erasure-reports.ts';
import { exportEvents } from './event-export.ts';
import {
  decodeExport,
  type ExportFile,
  type ExportManifest,
  encodeExport,
  exportFileKey,
  exportManifestKey,
  exportPrefix,
  noExport,
} from './export-manifest.ts';
import type { SegmentArchive } from './segment-archive.ts';
import { overlap, type Range } from './segment-manifest.ts';
import { everyLine } from './wanted-lines.ts';

export interface ContinuousExportParts {
  readonly log: EventLog;
  readonly store: ObjectStore;
  readonly archive: SegmentArchive;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly metrics: Metrics;
}

export interface ExportSettings {
  /** Lines in one commit, about: what is held at once. */
  readonly fileBytes: number;
  readonly graceMs: number;
}

interface Read {
  readonly manifest: ExportManifest;
  readonly etag: string | undefined;
}

interface Job {
  readonly replica: ShardReplica;
  readonly tenant: Tenant;
  readonly format: EventFormat;
  readonly signal: AbortSignal;
  /** Files of this round, and the reports before them: what those erased is not in them. */
  readonly made: Map<string, ReadonlySet<string>>;
  /** Reports that were there when the fold was asked for its newest. */
  reports: ReadonlySet<string>;
}

/** Somebody else was quicker so often: the next round goes on. */
const lostMax = 3;

export class ContinuousExport {
  readonly #parts: ContinuousExportParts;
  readonly #directory: TenantDirectory;
  readonly #settings: ExportSettings;
  readonly #files: Counter;
  readonly #bytes: Counter;
  /** Objects that no manifest names, and since when this process knows. */
  readonly #unnamedSinceMs = new Map<string, number>();

  constructor(parts: ContinuousExportParts, directory: TenantDirectory, settings: ExportSettings) {
    this.#parts = parts;
    this.#directory = directory;
    this.#settings = settings;
    const counter = (name: string, help: string): Counter =>
      parts.metrics.counter({ name: `tidemark_export_${name}_total`, help });
    this.#files = counter('files', 'files that events were exported to');
    this.#bytes = counter('bytes', 'bytes of files that events were exported to');
  }

  /** Who wants what of a shard, in a word: another word, and there may be something to do. */
  wishesOf(replica: ShardReplica): string {
    return JSON.stringify(
      this.#tenantsOf(replica).map(({ id, materialized }) => [id, materialized]),
    );
  }

  #tenantsOf({ shard }: ShardReplica): readonly Tenant[] {
    const onTopic = [...this.#directory.onTopic(topicOf(shard))];
    return onTopic.filter(({ materialized }) => materialized !== undefined);
  }

  /** Up to what is archived. Rejects with a Problem, or a Fault, where it cannot be done now. */
  async run(replica: ShardReplica, archivedTo: number, signal: AbortSignal): Promise<void> {
    for (const tenant of this.#tenantsOf(replica)) {
      const { format = 'parquet', isOn = false } = tenant.materialized ?? {};
      const made = new Map<string, ReadonlySet<string>>();
      const job = { replica, tenant, format, signal, made, reports: new Set<string>() };
      await this.#export(job, isOn ? archivedTo : 0);
    }
  }

  async #export(job: Job, archivedTo: number): Promise<void> {
    let read = await this.#read(job);
    for (let lost = 0; lost < lostMax; ) {
      const next = await this.#step(job, read, archivedTo);
      if (next === 'done') return this.#sweep(job);
      if (next === 'lost') lost += 1;
      read = next === 'lost' ? await this.#read(job) : next;
      await sleep(this.#parts.clock, 0);
    }
  }

  async #step(job: Job, read: Read, archivedTo: number): Promise<Read | 'done' | 'lost'> {
    const { store } = this.#parts;
    const { manifest } = read;
    const { logName } = job.replica;
    const { erasures: known, files } = manifest;
    const asked = { log: logName, known, hasFiles: files.length > 0 };
    const news = await erasuresSince(store, asked, job.signal);
    // What a report is about is in the log before the report is there: the fold has it now.
    await job.replica.readIndex();
    job.reports = news.names;
    const touched = files.find((file) => {
      const before = job.made.get(file.name);
      return news.ranges.some(
        (range) => overlap(file, range) && before?.has(range.report) !== true,
      );
    });
    if (touched !== undefined) return this.#remake(job, read, touched);
    if (news.isAny) return this.#commit(job, read, { erasures: news.seen });
    if (manifest.endOffset >= archivedTo) return 'done';
    return this.#extend(job, read, { archivedTo, erasures: news.seen });
  }

  async #extend(
    job: Job,
    read: Read,
    { archivedTo, erasures }: { readonly archivedTo: number; readonly erasures: readonly string[] },
  ): Promise<Read | 'lost'> {
    const { manifest } = read;
    const startMs = this.#parts.clock.monotonicMs();
    const range = { firstOffset: manifest.endOffset, endOffset: archivedTo };
    const written = await this.#write(job, range, this.#settings.fileBytes);
    if (this.#isLate(startMs)) return 'lost';
    const { endOffset, files } = written;
    const all = [...manifest.files, ...files];
    return this.#commit(job, read, { endOffset, files: all, erasures });
  }

  /** Invariant 3. */
  async #remake(job: Job, read: Read, touched: ExportFile): Promise<Read | 'lost'> {
    const startMs = this.#parts.clock.monotonicMs();
    const { firstOffset, endOffset } = touched;
    const written = await this.#write(job, { firstOffset, endOffset }, Number.POSITIVE_INFINITY);
    if (this.#isLate(startMs)) return 'lost';
    const isOfRange = (file: ExportFile): boolean =>
      file.firstOffset === firstOffset && file.endOffset === endOffset;
    const files = read.manifest.files.flatMap((file) => {
      if (file.name === touched.name) return written.files;
      return isOfRange(file) ? [] : [file];
    });
    return this.#commit(job, read, { files });
  }

  /** Another process may have found the objects without a name for too long. */
  #isLate(startMs: number): boolean {
    return this.#parts.clock.monotonicMs() - startMs > this.#settings.graceMs / 2;
  }

  /** What is kept of the range, up to so many bytes of lines. */
  async #write(
    job: Job,
    { firstOffset, endOffset }: Range,
    bytesMax: number,
  ): Promise<{ readonly endOffset: number; readonly files: readonly ExportFile[] }> {
    const { replica, tenant, format, signal } = job;
    const prefix = tenant.isPooled ? `${tenant.id}/` : '';
    const request = {
      replica,
      from: firstOffset,
      to: endOffset,
      wanted: everyLine,
      takesKey: (key: string): boolean =>
        key.startsWith(prefix) && !key.startsWith('$', prefix.length),
      takesSession: ({ stream }: { readonly stream: unknown }): boolean => stream !== undefined,
    };
    const byDay = new Map<string, DayFile>();
    let bytes = 0;
    let at = firstOffset;
    for await (const piece of exportEvents(this.#parts, request, signal)) {
      for (const { line } of piece.lines) {
        bytes += line.length;
        const event = eventLine(line);
        const day = event.head.time.slice(0, 10);
        const file = byDay.get(day) ?? new DayFile(format);
        byDay.set(day, file);
        file.add(event);
      }
      at = piece.endOffset;
      if (bytes >= bytesMax) break;
    }
    const range = { firstOffset, endOffset: at };
    const files: ExportFile[] = [];
    for (const [day, file] of byDay) files.push(await this.#put(job, range, { day, file }));
    return { endOffset: at, files };
  }

  async #put(
    { replica, tenant, format, signal, made, reports }: Job,
    range: Range,
    { day, file }: { readonly day: string; readonly file: DayFile },
  ): Promise<ExportFile> {
    const { store, prng } = this.#parts;
    const id = prng.hex(8);
    const prefix = exportPrefix(replica.logName, tenant.id);
    const name = exportFileKey(prefix, range, { day, id, suffix: format });
    const body = file.end();
    await store.putIfAbsent(name, body, signal);
    const stored = await store.head(name, signal);
    if (stored?.bytes !== body.length) {
      throw new Problem('unavailable', 'a file of an export is not stored as it was written');
    }
    this.#files.add(1);
    this.#bytes.add(body.length);
    made.set(name, reports);
    return { name, ...range, events: file.events, bytes: body.length };
  }

  async #read({ replica, tenant, signal }: Job): Promise<Read> {
    const key = exportManifestKey(replica.logName, tenant.id);
    const object = await this.#parts.store.get(key, signal);
    return object === undefined
      ? { manifest: noExport, etag: undefined }
      : { manifest: decodeExport(object.body), etag: object.etag };
  }

  async #commit(
    job: Job,
    { manifest: before, etag }: Read,
    change: Partial<ExportManifest>,
  ): Promise<Read | 'lost'> {
    const { store, prng } = this.#parts;
    const { replica, tenant, signal } = job;
    const manifest = { ...before, ...change, serial: before.serial + 1, nonce: prng.hex(16) };
    const key = exportManifestKey(replica.logName, tenant.id);
    const body = encodeExport(manifest);
    try {
      const outcome =
        etag === undefined
          ? await store.putIfAbsent(key, body, signal)
          : await store.compareAndSwap(key, { expected: etag, body }, signal);
      if (outcome.kind === 'stored') return { manifest, etag: outcome.etag };
    } catch (cause) {
      if (!isFault(cause) || cause.effect === 'none') throw cause;
    }
    const now = await this.#read(job);
    return now.manifest.nonce === manifest.nonce ? now : 'lost';
  }

  /** Invariant 4. */
  async #sweep(job: Job): Promise<void> {
    const { store, clock } = this.#parts;
    const { replica, tenant, signal } = job;
    const { manifest } = await this.#read(job);
    const named = new Set(manifest.files.map(({ name }) => name));
    const nowMs = clock.monotonicMs();
    const old: string[] = [];
    for await (const { key } of store.list(exportPrefix(replica.logName, tenant.id), signal)) {
      if (named.has(key)) {
        this.#unnamedSinceMs.delete(key);
        continue;
      }
      const sinceMs = this.#unnamedSinceMs.get(key) ?? nowMs;
      this.#unnamedSinceMs.set(key, sinceMs);
      if (nowMs - sinceMs >= this.#settings.graceMs) old.push(key);
    }
    if (old.length > 0) await store.deleteMany(old, signal);
    for (const key of old) this.#unnamedSinceMs.delete(key);
  }
}

class DayFile {
  readonly #encoder: ReturnType<typeof eventEncoder>;
  readonly #pieces: Uint8Array[] = [];
  events = 0;

  constructor(format: EventFormat) {
    this.#encoder = eventEncoder(format);
  }

  add(event: ReturnType<typeof eventLine>): void {
    this.#encoder.add(event, parseTimestamp(event.head.time) ?? 0);
    this.#pieces.push(...this.#encoder.take());
    this.events += 1;
  }

  end(): Uint8Array {
    return concatBytes([...this.#pieces, ...this.#encoder.end()]);
  }
}
