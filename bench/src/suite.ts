import type { Benchmark } from './benchmark.ts';
import { append } from './benchmarks/append.ts';

export const suite: readonly Benchmark[] = [append];
