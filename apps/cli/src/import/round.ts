// All transcripts of a source, each once, several at a time; those of one session one after the other.

import { isProblem, type Problem } from '@tidemark/sessions-client';
import { changedAtMs, isGone } from './gone.ts';
import type { Imported, Importer } from './importer.ts';
import type { Transcript, TranscriptSource } from './transcript.ts';

const atOnce = 4;

export interface RoundCounts {
  readonly transcripts: number;
  readonly records: number;
  readonly appended: number;
  readonly failed: number;
}

export interface RoundListener {
  readonly imported: (imported: Imported) => Promise<void>;
  readonly failed: (path: string, cause: Error) => Promise<void>;
}

/**
 * One session that is archived, say, or a file that is half written, keeps no other from being imported; a key that
 * is none, all.
 */
const isOfOne = (cause: unknown): cause is Problem | SyntaxError =>
  cause instanceof SyntaxError ||
  (isProblem(cause) && cause.code !== 'no-answer' && cause.status !== 401);

export class ImportRound {
  readonly #source: TranscriptSource;
  readonly #importer: Importer;
  readonly #sinceMs: number;

  constructor(source: TranscriptSource, importer: Importer, sinceMs: number) {
    this.#source = source;
    this.#importer = importer;
    this.#sinceMs = sinceMs;
  }

  async run(listener: RoundListener): Promise<RoundCounts> {
    const transcripts = await this.#recent();
    const waiting = [...Map.groupBy(transcripts, ({ session }) => session).values()];
    const counts = { transcripts: 0, records: 0, appended: 0, failed: 0 };
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        for (const transcript of next) {
          counts.transcripts += 1;
          const imported = await this.#import(transcript, listener);
          if (imported === 'failed') counts.failed += 1;
          else if (imported !== undefined) {
            counts.records += imported.records;
            counts.appended += imported.appended;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return counts;
  }

  async #import(
    transcript: Transcript,
    listener: RoundListener,
  ): Promise<Imported | 'failed' | undefined> {
    try {
      const imported = await this.#importer.import(transcript);
      if (imported !== undefined) await listener.imported(imported);
      return imported;
    } catch (cause) {
      if (isGone(cause)) return undefined;
      if (!isOfOne(cause)) throw cause;
      await listener.failed(transcript.path, cause);
      return 'failed';
    }
  }

  async #recent(): Promise<readonly Transcript[]> {
    const transcripts = await this.#source.discover();
    if (this.#sinceMs === 0) return transcripts;
    const times = await Promise.all(
      transcripts.map(async (transcript) => transcript.changedAtMs ?? changedAtMs(transcript.path)),
    );
    return transcripts.filter((_, index) => (times[index] ?? 0) >= this.#sinceMs);
  }
}
