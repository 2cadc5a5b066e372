import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Check } from '@tidemark/checker';
import { type AppProcess, startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { runEmbedded } from './embedded-run.ts';
import { cutAt, endOfData, flipBit, newestLogFile } from './log-damage.ts';
import { embeddedText } from './report-text.ts';
import { notFound } from './tampering.ts';

const say = (line: string): void => console.log(line);
/** What takes longer to come about than this short run lasts: the cluster's has them. */
const late: ReadonlySet<Check> = new Set(['lease-taken-early', 'subscription-goes-back']);
/** One of them has enough in it to be judged by: what a slow machine does in one run may be too little. */
const seeds = [7, 107, 207];

test('13 kills under load lose nothing that was acknowledged and invent nothing', async () => {
  let missed: readonly string[] = ['all'];
  for (const seed of seeds) {
    if (missed.length === 0) break;
    const report = await runEmbedded({ seed, kills: 13, disk: 'whole', say });
    console.log(embeddedText(report));
    expect(report.violations).toEqual([]);
    expect(report.crashes).toEqual([]);
    missed = notFound(report.history.entries, late);
  }
  expect(missed).toEqual([]);
});

test('12 kills on a disk that is full now and then lose and invent as little', async () => {
  const report = await runEmbedded({ seed: 8, kills: 12, disk: 'small', say });
  console.log(embeddedText(report));
  expect(report.violations).toEqual([]);
  expect(report.crashes).toEqual([]);
  expect(report.history.operations.get('append storage-full')).toBeGreaterThan(0);
  expect(report.history.acknowledgedEvents).toBeGreaterThan(20);
});

const count = 40;

/** A folder whose log has events that were acknowledged one behind the other, and the log's file. */
async function written(): Promise<{ folder: string; file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-damage-'));
  await using server = await start(folder);
  const url = `${server.url}/v1/stream/s`;
  const headers = { 'content-type': 'text/plain' };
  await fetch(url, { method: 'PUT', headers });
  for (let index = 0; index < count; index += 1) {
    const { status } = await fetch(url, { method: 'POST', headers, body: `${index}\n` });
    expect(status).toBe(204);
  }
  server.kill('SIGKILL');
  await server.ended;
  return { folder, file: await newestLogFile(join(folder, 'data/log')) };
}

const start = (folder: string): Promise<AppProcess> =>
  startApp({
    app: 'server',
    index: 0,
    folder,
    env: { TIDEMARK_DATA_DIR: join(folder, 'data') },
  });

test('a log that lost its last writes, and is taken so, shows a prefix of what was acknowledged', async () => {
  const { folder, file } = await written();
  const end = endOfData(await readFile(file));
  await cutAt(file, end - 700);
  await rm(join(dirname(file), 'floor'));
  await using server = await start(folder);
  const text = await (await fetch(`${server.url}/v1/stream/s?offset=-1`)).text();
  const events = text.split('\n').slice(0, -1);
  expect(events).toEqual(Array.from({ length: events.length }, (_, index) => String(index)));
  expect(events.length).toBeGreaterThan(0);
  expect(events.length).toBeLessThan(count);
  await rm(folder, { recursive: true });
});

test('a bit that flipped among what was acknowledged keeps the server from starting', async () => {
  const { folder, file } = await written();
  const end = endOfData(await readFile(file));
  await flipBit(file, Math.floor(end / 2));
  await expect(start(folder)).rejects.toThrow('never says where it listens');
  const data = await readFile(file);
  expect(endOfData(data)).toBe(end);
  await rm(folder, { recursive: true });
});
