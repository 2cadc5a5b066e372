import type { Context } from './context.ts';
import type { BenchmarkResult } from './result.ts';

export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** Runs only when asked for by name or option. */
  readonly isLong?: boolean;
  run(context: Context): Promise<BenchmarkResult>;
}
