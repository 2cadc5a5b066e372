import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from '../context.ts';
import { Latency } from '../load/latency.ts';
import type { Sample } from '../sample.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, '..', 'references', 'file-writer-main.ts');

interface Figures {
  readonly latency: string;
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** Frames written and synced in a loop by a process of its own, on the disk of the others. */
export async function fileWriter(
  { place }: Pick<Context, 'place'>,
  { frames, forMs }: { readonly frames: number; readonly forMs: number },
): Promise<Sample> {
  await mkdir(place.folder, { recursive: true });
  const args = [main, place.folder, String(frames), '256', String(forMs)];
  const { stdout } = await run(process.execPath, args);
  const figures = JSON.parse(stdout) as Figures;
  return {
    ...figures,
    latency: Latency.decode(figures.latency),
    count: figures.count * frames,
    errors: 0,
    generatorBusy: 0,
  };
}
