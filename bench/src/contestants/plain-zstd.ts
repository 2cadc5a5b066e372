import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { promisify } from 'node:util';
import type { Context } from '../context.ts';
import { timedSeconds } from '../waits.ts';

const run = promisify(execFile);

export interface PlainZstd {
  readonly bytes: number;
  readonly linesPerSecond: number;
}

/** All that a server exports as one plain file, by session and seq, and what `zstd -3` makes of it. */
export async function plainZstd(
  { place, say }: Context,
  url: string,
): Promise<PlainZstd | undefined> {
  const file = join(place.folder, 'sorted.ndjson');
  const count = await writeSorted(url, file);
  try {
    await run('zstd', ['-3', '-q', '-f', file]);
  } catch (cause) {
    say(`  zstd: ${String(cause)}`);
    return undefined;
  }
  const seconds = await timedSeconds(() => run('sh', ['-c', `zstd -dc ${file}.zst | wc -l`]));
  const linesPerSecond = Math.round(count / seconds);
  return { bytes: (await stat(`${file}.zst`)).size, linesPerSecond };
}

async function writeSorted(url: string, file: string): Promise<number> {
  const { body } = await fetch(`${url}/v1/export`);
  if (body === null) throw new Error('nothing is exported');
  const unsorted = `${file}.unsorted`;
  await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(unsorted));
  const texts = (await readFile(unsorted, 'latin1')).trimEnd().split('\n');
  const keyed = texts.map((text) => {
    const [, session = '', seq = ''] = /"session":"([^"]*)","seq":(\d+)/.exec(text) ?? [];
    return { key: `${session} ${seq.padStart(9, '0')}`, text };
  });
  keyed.sort((one, other) => (one.key < other.key ? -1 : 1));
  await writeFile(file, `${keyed.map(({ text }) => text).join('\n')}\n`, 'latin1');
  return texts.length;
}
