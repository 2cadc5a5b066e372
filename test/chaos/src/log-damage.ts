// What a crash may leave behind the last whole write of an embedded log, done to its files by hand.

import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from './random.ts';

/** The last that was written to: the next may lie ready. */
export async function newestLogFile(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  for (const name of names.reverse()) {
    const path = join(folder, name);
    if (endOfData(await readFile(path)) > 0) return path;
  }
  throw new Error(`no log in ${folder}`);
}

/** Behind its last byte that is not zero a file has only what was set aside for it. */
export function endOfData(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

async function writeAt(path: string, bytes: Uint8Array, at: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, at);
  await file.close();
}

async function truncateAt(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.truncate(bytes);
  await file.close();
}

/** Only behind the end, and in the file as it is: what was acknowledged is not touched. */
export async function damageTail(folder: string, random: Random): Promise<string> {
  const path = await newestLogFile(folder);
  const bytes = await readFile(path);
  // The last write may end in zeros of its own: some room.
  const end = Math.min(bytes.length, endOfData(bytes) + 64);
  switch (random.below(5)) {
    case 0:
      await truncateAt(path, end);
      return 'tail cut off';
    case 1:
      await truncateAt(path, Math.min(bytes.length, end + random.below(10_000)));
      return 'tail cut short';
    case 2: {
      const length = random.between(1, 20_000);
      const noise = Uint8Array.from({ length }, () => random.below(256));
      await writeAt(path, noise.subarray(0, bytes.length - end), end);
      return 'noise behind the end';
    }
    case 3: {
      // An older write, or the beginning of one, as a disk may bring it back.
      const from = random.below(end);
      const stale = bytes.subarray(from, Math.min(end, from + random.between(1, 30_000)));
      await writeAt(path, stale.subarray(0, bytes.length - end), end);
      return 'stale bytes behind the end';
    }
    default:
      return 'nothing';
  }
}

/** Takes what was set aside behind the end, but for so many bytes. Nothing that was written. */
export async function leaveRoom(folder: string, room: number): Promise<void> {
  const path = await newestLogFile(folder);
  const bytes = await readFile(path);
  const end = endOfData(bytes) + 64 + room;
  if (end < bytes.length) await truncateAt(path, end);
}

/** Flips a bit of what was acknowledged. */
export async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  await writeAt(path, Uint8Array.of((bytes[at] ?? 0) ^ 0x10), at);
}

/** Takes away what is at the end, acknowledged or not. */
export const cutAt = truncateAt;
