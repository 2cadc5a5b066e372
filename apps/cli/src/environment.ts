import type { EventLog } from '@tidemark/ports';

/** The process that a command runs in: what main.ts takes from it, and a test gives. */
export interface Environment {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: Output;
  /** For what is no result: progress, mistakes. */
  readonly err: Output;
  /** Aborted where the user has had enough. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Of a time in words; undefined where it is none. */
  readonly timeMsOf: (text: string) => number | undefined;
  readonly timeTextOf: (atMs: number) => string;
  readonly nodeVersion: string;
  /** Of Kafka, as TIDEMARK_KAFKA_* say. */
  readonly openLog: () => Promise<EventLog>;
}

export interface Output {
  readonly isTerminal: boolean;
  /** Resolves once more can be taken. */
  readonly write: (text: string) => Promise<void>;
}

/** Told in the help, and never changed: scripts rely on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  refused: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
