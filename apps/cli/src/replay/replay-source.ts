// The lines of an export, with the places to go on from. A connection that breaks is begun again behind the last
// checkpoint: what came behind it is dropped, and comes again.

import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, isProblem, type SessionsClient } from '@tidemark/sessions-client';
import { byteLines } from '../byte-lines.ts';

export interface ReplayBatch {
  readonly lines: readonly Buffer[];
  readonly partition: number;
  /** All before it was told. */
  readonly checkpoint: string;
  /** How far each partition is told. */
  readonly offsets: readonly number[];
}

export interface ReplayRange {
  readonly after: string;
  readonly before: string;
}

type Query = NonNullable<Asked['query']>;

interface ToldCheckpoint {
  readonly checkpoint: string;
  readonly partition: number;
  readonly offsets: readonly number[];
}

const attemptsMax = 6;
const firstPauseMs = 200;
const checkpointMark = Buffer.from('{"checkpoint":');

export class ReplaySource {
  readonly #client: SessionsClient;
  readonly #filter: Query;
  readonly #signal: AbortSignal;

  constructor(client: SessionsClient, filter: Query, signal: AbortSignal) {
    this.#client = client;
    this.#filter = filter;
    this.#signal = signal;
  }

  /** Where the export ends now, and where a place lies. */
  placeAt(after: string): Promise<ToldCheckpoint> {
    const query = { after, limit: 0, checkpoints: 'true' };
    return this.#client.json('/v1/export', { query, signal: this.#signal });
  }

  async *batches(range: ReplayRange): AsyncGenerator<ReplayBatch> {
    let after = range.after;
    for (let attempt = 1; ; attempt += 1) {
      try {
        for await (const batch of this.#connect({ ...range, after })) {
          after = batch.checkpoint;
          attempt = 1;
          yield batch;
        }
        return;
      } catch (cause) {
        const isOver = isProblem(cause) && cause.retry !== 'same';
        if (isOver || this.#signal.aborted || attempt >= attemptsMax) throw cause;
        await delay(firstPauseMs * 2 ** attempt, undefined, { signal: this.#signal });
      }
    }
  }

  async *#connect({ after, before }: ReplayRange): AsyncGenerator<ReplayBatch> {
    const query = { ...this.#filter, after, before, checkpoints: 'true' };
    const opened = await this.#client.open('/v1/export', { query, signal: this.#signal });
    try {
      yield* batchesIn(opened.response);
    } finally {
      opened.end();
    }
  }
}

async function* batchesIn({ body }: Response): AsyncGenerator<ReplayBatch> {
  let lines: Buffer[] = [];
  for await (const line of byteLines(body ?? [])) {
    if (!line.subarray(0, checkpointMark.length).equals(checkpointMark)) {
      lines.push(line);
      continue;
    }
    yield { lines, ...(JSON.parse(line.toString()) as ToldCheckpoint) };
    lines = [];
  }
  if (lines.length > 0) throw new Error('the export ended without a checkpoint');
}
