import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import type { Sample } from '../sample.ts';
import { runReference } from './reference-run.ts';

const main = join(import.meta.dirname, '..', 'references', 'file-writer-main.ts');

/** Frames written and synced in a loop by a process of its own, on the disk of the others. */
export async function fileWriter(
  { place }: Pick<Context, 'place'>,
  { frames, forMs }: { readonly frames: number; readonly forMs: number },
): Promise<Sample> {
  await mkdir(place.folder, { recursive: true });
  return runReference([main, place.folder, String(frames), '256', String(forMs)], frames);
}
