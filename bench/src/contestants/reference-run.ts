import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Latency } from '../load/latency.ts';
import type { Sample } from '../sample.ts';

const run = promisify(execFile);

interface Figures {
  readonly latency: string;
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** Runs a reference that is its own load, and reads the figures that it prints at its end. */
export async function runReference(args: readonly string[], per: number): Promise<Sample> {
  const { stdout } = await run(process.execPath, [...args]);
  const figures = JSON.parse(stdout) as Figures;
  return {
    ...figures,
    latency: Latency.decode(figures.latency),
    count: figures.count * per,
    errors: 0,
    generatorBusy: 0,
  };
}
