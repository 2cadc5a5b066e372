// Imports transcripts, each from where it was left. It is noted how far one has come only behind what was
// appended; so a break anywhere is mended by the next run.

import { stat } from 'node:fs/promises';
import { digestOf, type RecordFormat, type RoutedEvent, redacted } from '@tidemark/agent-formats';
import type { SessionsClient } from '@tidemark/sessions-client';
import { EventSink, type SinkThread } from './event-sink.ts';
import { type OpenedFile, openLines } from './line-file.ts';
import { type Progress, ProgressNotes, unnotedEventsMax } from './progress.ts';
import { SessionProfiles } from './session-profile.ts';
import type { Transcript } from './transcript.ts';

export interface ImportOptions {
  readonly isRedacted: boolean;
  readonly isDry: boolean;
  readonly nowMs: () => number;
  readonly onRecords: (count: number) => void;
}

export interface Imported {
  readonly session: string;
  readonly thread: string | undefined;
  readonly records: number;
  readonly events: number;
  /** Of the events, those that were not there. */
  readonly appended: number;
}

/** A file that has not changed for so long is taken to be at rest. */
const settledMs = 5_000;
const flushEvents = 500;
const flushChars = 1024 * 1024;

export class Importer {
  readonly #client: SessionsClient;
  readonly #options: ImportOptions;
  readonly #notes: ProgressNotes;
  readonly #profiles: SessionProfiles;
  /** As each file was when it had been read to its end. */
  readonly #read = new Map<string, string>();

  constructor(client: SessionsClient, options: ImportOptions) {
    this.#client = client;
    this.#options = options;
    this.#notes = new ProgressNotes(client);
    this.#profiles = new SessionProfiles(client);
  }

  /** Undefined where nothing has come since the last time. */
  async import(transcript: Transcript): Promise<Imported | undefined> {
    const { path } = transcript;
    const { size, changedAtMs } = await statOf(transcript);
    const isSettled = this.#options.nowMs() - changedAtMs > settledMs;
    const mark = `${size} ${changedAtMs} ${isSettled}`;
    if (this.#read.get(path) === mark) return undefined;
    await using file = await (transcript.open?.() ?? openLines(path));
    const pass = await this.#begin(transcript, file);
    const imported = await pass.run(isSettled);
    this.#read.set(path, mark);
    return imported;
  }

  async #begin(transcript: Transcript, file: OpenedFile): Promise<Pass> {
    const { session, key } = transcript;
    const noted = await this.#notes.read(session, key);
    const isSame =
      noted !== undefined &&
      file.size >= noted.bytes &&
      (await file.head(noted.head.bytes)).digest === noted.head.digest;
    const sink = new EventSink(this.#client, session);
    if (!this.#options.isDry) {
      const isThere = (await this.#profiles.ensure(transcript)) > 0;
      if (!isSame && isThere) await sink.lookAtAll(transcript.thread);
    }
    const format = transcript.format;
    const progress = isSame
      ? noted
      : { bytes: 0, lines: 0, head: { bytes: 0, digest: '' }, state: format.begin() };
    const parts = { options: this.#options, notes: this.#notes, profiles: this.#profiles, sink };
    return new Pass(parts, { transcript, file, progress });
  }
}

interface PassParts {
  readonly options: ImportOptions;
  readonly notes: ProgressNotes;
  readonly profiles: SessionProfiles;
  readonly sink: EventSink;
}

interface PassStart {
  readonly transcript: Transcript;
  readonly file: OpenedFile;
  readonly progress: Progress;
}

async function statOf({ path, changedAtMs }: Transcript): Promise<{
  readonly size: number;
  readonly changedAtMs: number;
}> {
  if (changedAtMs !== undefined) return { size: 0, changedAtMs };
  const { size, mtimeMs } = await stat(path);
  return { size, changedAtMs: mtimeMs };
}

/** One reading of one file, from where it was left to its end. */
class Pass {
  readonly #parts: PassParts;
  readonly #transcript: Transcript;
  readonly #file: OpenedFile;
  #progress: Progress;
  #pending: RoutedEvent[] = [];
  #pendingChars = 0;
  #unnoted = 0;
  /** What is sent while more is read and converted: one at a time, in order. */
  #sending: Promise<void> = Promise.resolve();
  #records = 0;
  #events = 0;

  constructor(parts: PassParts, { transcript, file, progress }: PassStart) {
    this.#parts = parts;
    this.#transcript = transcript;
    this.#file = file;
    this.#progress = progress;
  }

  async run(isSettled: boolean): Promise<Imported | undefined> {
    const begun = this.#progress;
    for await (const { text, endBytes } of this.#file.lines(begun.bytes)) {
      this.#take(text);
      this.#progress = { ...this.#progress, bytes: endBytes, lines: this.#progress.lines + 1 };
      if (this.#pending.length >= flushEvents || this.#pendingChars >= flushChars) {
        await this.#flush();
        if (this.#unnoted >= unnotedEventsMax) await this.#note();
      }
    }
    if (isSettled) this.#settle();
    await this.#flush();
    await this.#sending;
    if (this.#progress.bytes === begun.bytes && this.#events === 0) return undefined;
    await this.#note();
    await this.#tellProfile();
    const { session, thread } = this.#transcript;
    return {
      session,
      thread: thread?.key,
      records: this.#records,
      events: this.#events,
      appended: this.#parts.sink.appended,
    };
  }

  #take(text: string): void {
    if (text.trim() === '') return;
    const { options } = this.#parts;
    this.#records += 1;
    const key = `${this.#transcript.key}.${this.#progress.lines}.${digestOf(text, 12)}`;
    const parsed = parsedLine(text);
    const value = options.isRedacted ? redacted(parsed) : parsed;
    const converted = this.#format.convert(this.#progress.state, { key, value });
    this.#keep(converted, text.length);
  }

  #settle(): void {
    this.#keep(this.#format.settle(this.#progress.state), 0);
  }

  #keep(
    { state, events }: { readonly state: unknown; readonly events: readonly RoutedEvent[] },
    chars: number,
  ): void {
    this.#pending.push(...events);
    this.#pendingChars += chars;
    this.#events += events.length;
    this.#progress = { ...this.#progress, state };
  }

  get #format(): RecordFormat<unknown> {
    return this.#transcript.format;
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    [this.#pending, this.#pendingChars] = [[], 0];
    this.#unnoted += pending.length;
    const { options } = this.#parts;
    options.onRecords(this.#records);
    if (options.isDry) return;
    await this.#sending;
    this.#sending = this.#send(pending);
    // Whoever awaits it next hears of it.
    this.#sending.catch(() => undefined);
  }

  async #send(pending: readonly RoutedEvent[]): Promise<void> {
    const { sink } = this.#parts;
    // What is in a sub-agent's own file is its own, whatever its records say.
    const own = this.#transcript.thread;
    const byThread = Map.groupBy(pending, ({ thread }) => (own === undefined ? thread : undefined));
    for (const [key, routed] of byThread) {
      const thread: SinkThread | undefined =
        own ?? (key === undefined ? undefined : { key, agent: key });
      const events = routed.map(({ event }) => event);
      await sink.append(thread, events);
    }
  }

  async #note(): Promise<void> {
    this.#unnoted = 0;
    if (this.#parts.options.isDry) return;
    await this.#sending;
    const { session, key } = this.#transcript;
    const head = await this.#file.head();
    const bytes = Math.min(head.bytes, this.#progress.bytes);
    this.#progress = { ...this.#progress, head: await this.#file.head(bytes) };
    await this.#parts.notes.write(session, key, this.#progress);
  }

  async #tellProfile(): Promise<void> {
    const { options, profiles } = this.#parts;
    if (options.isDry || this.#transcript.thread !== undefined) return;
    await profiles.update(this.#transcript, this.#format.about(this.#progress.state));
  }
}

/** A line that is no JSON is kept as its text. */
function parsedLine(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
