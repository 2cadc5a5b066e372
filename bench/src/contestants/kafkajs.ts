import { join } from 'node:path';
import type { Sample } from '../sample.ts';
import { runReference } from './reference-run.ts';

export interface KafkajsOrder {
  readonly partitions: number;
  readonly recordsPerSend: number;
  /** Sends that wait for their answers at the same time. */
  readonly concurrent: number;
  /** Instead: an open loop. */
  readonly sendsPerSecond?: number;
  readonly warmMs: number;
  readonly forMs: number;
}

const main = join(import.meta.dirname, '..', 'references', 'kafkajs-main.ts');

/** kafkajs as it comes, in a process of its own; counts are records. */
export const kafkajs = (bootstrap: readonly string[], order: KafkajsOrder): Promise<Sample> =>
  runReference([main, bootstrap.join(','), JSON.stringify(order)], order.recordsPerSend);
