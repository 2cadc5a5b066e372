import type { RecordFormat } from '@tidemark/agent-formats';
import type { SinkThread } from './event-sink.ts';
import type { OpenedFile } from './line-file.ts';

/** A file of records, and what of the platform it becomes. */
export interface Transcript {
  readonly path: string;
  /** Where it is no file of lines. */
  readonly open?: () => Promise<OpenedFile>;
  /** Likewise: when it was changed. */
  readonly changedAtMs?: number;
  /** Told outside of its records. */
  readonly title?: string;
  /** Names it among those of its session, the same on every machine. */
  readonly key: string;
  readonly session: string;
  /** A sub-agent's: its thread, and what it is called. */
  readonly thread?: SinkThread;
  readonly format: RecordFormat<unknown>;
  /** Known without reading it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A folder that a tool keeps its transcripts in. */
export interface TranscriptSource {
  readonly name: string;
  /** Sessions before their sub-agents. */
  readonly discover: () => Promise<readonly Transcript[]>;
}
