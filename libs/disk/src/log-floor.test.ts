// A log that was cut, emptied, removed or replaced while nobody held it, against one whose last write
// was torn: the floor tells them apart.

import { recordOf, SeededPrng, SimulatedClock, SimulatedFiles } from '@tidemark/ports/testing';
import { present } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import type { DiskLog } from './disk-log.ts';
import {
  append,
  directory,
  History,
  open,
  shards,
  violationsOf,
} from './testing/crash-workload.ts';

const shard = present(shards[0], 'shard');

interface Written {
  readonly files: SimulatedFiles;
  readonly clock: SimulatedClock;
  readonly history: History;
  readonly log: DiskLog;
}

async function begin(): Promise<Written> {
  const files = new SimulatedFiles({ prng: new SeededPrng(4) });
  const clock = new SimulatedClock();
  const log = await open(files, clock);
  await log.ensureTopic({ name: 't', partitions: 1, durability: 'replicated' });
  const history = new History();
  history.isTopicAnswered = true;
  return { files, clock, history, log };
}

async function put({ log, history }: Written, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const text = `${history.attempted.get(shard)?.length ?? 0} ${'x'.repeat(200)}`;
    history.attempted.set(shard, [...(history.attempted.get(shard) ?? []), [text]]);
    await append(log, shard, { history, batch: [recordOf(text)] });
  }
}

async function closed(count = 40): Promise<Written> {
  const written = await begin();
  await put(written, count);
  await written.log[Symbol.asyncDispose]();
  return written;
}

const logPaths = ({ files }: Written): string[] =>
  files.paths().filter((path) => path.endsWith('.log'));

/** The last file that something was written to, and where that ends. */
function tailOf(written: Written): { readonly path: string; readonly end: number } {
  for (const path of logPaths(written).reverse()) {
    const end = written.files.file(path).findLastIndex((byte) => byte !== 0) + 1;
    if (end > 0) return { path, end };
  }
  throw new Error('nothing is written');
}

async function remove({ files }: Written, paths: readonly string[]): Promise<void> {
  const folder = await files.openFolder(directory);
  for (const path of paths) await folder.remove(path.slice(directory.length + 1));
  await folder[Symbol.asyncDispose]();
}

const cut = ({ files }: Written, path: string, bytes: number): void =>
  files.replace(path, files.file(path).slice(0, bytes));

const refusal = (why: RegExp): object => ({
  reason: 'corrupt',
  message: expect.stringMatching(why) as string,
});

describe('a log that was closed', () => {
  test('opens again, and its floor is its very end', async () => {
    const written = await closed();
    await using log = await open(written.files, written.clock);
    expect(await violationsOf(log, written.history)).toEqual([]);
  });

  test('is refused wherever it was cut, with the place, and nothing of it is changed', async () => {
    const written = await closed();
    const { files, clock } = written;
    const { path, end } = tailOf(written);
    const whole = files.file(path);
    for (let bytes = 0; bytes < end; bytes += 131) {
      cut(written, path, bytes);
      const before = files.paths().map((name) => files.file(name));
      await expect(open(files, clock)).rejects.toMatchObject(
        refusal(/^log is corrupt. file=\d{8}\.log position=\d+ why=/),
      );
      expect(files.paths().map((name) => files.file(name))).toEqual(before);
      files.replace(path, whole);
    }
    cut(written, path, end);
    await using log = await open(files, clock);
    expect(await violationsOf(log, written.history)).toEqual([]);
  });

  test('is refused without its last file, and without all of them', async () => {
    const written = await closed();
    await remove(written, [tailOf(written).path]);
    await expect(open(written.files, written.clock)).rejects.toMatchObject(refusal(/was cut here/));
    await remove(written, logPaths(written));
    await expect(open(written.files, written.clock)).rejects.toMatchObject(refusal(/log is gone/));
  });

  test('is refused where another log lies in its place', async () => {
    const [written, other] = [await closed(), await closed(50)];
    await remove(written, logPaths(written));
    for (const path of logPaths(other)) written.files.replace(path, other.files.file(path));
    await expect(open(written.files, written.clock)).rejects.toMatchObject(refusal(/another log/));
  });

  test('is taken as it is once its floor is removed', async () => {
    const written = await closed();
    const { path, end } = tailOf(written);
    cut(written, path, end - 300);
    await expect(open(written.files, written.clock)).rejects.toMatchObject(refusal(/was cut here/));
    await remove(written, [`${directory}/floor`]);
    await using log = await open(written.files, written.clock);
    const lost = await violationsOf(log, written.history);
    expect(lost.filter((text) => /invented|half/.test(text))).toEqual([]);
    expect(lost.length).toBeGreaterThan(0);
  });
});

describe('a log whose process was killed', () => {
  test('is refused where it was cut below what was there a second before', async () => {
    const written = await begin();
    await put(written, 10);
    await written.clock.advance(5_000);
    const { path, end } = tailOf(written);
    await put(written, 2);
    written.files.crash();
    cut(written, path, end - 10);
    await expect(open(written.files, written.clock)).rejects.toMatchObject(refusal(/was cut here/));
  });

  test('loses the torn write of its last second, and nothing else', async () => {
    const written = await begin();
    await put(written, 10);
    await written.clock.advance(5_000);
    await put(written, 1);
    written.files.crash();
    const { path, end } = tailOf(written);
    cut(written, path, end - 10);
    await using log = await open(written.files, written.clock);
    expect(await violationsOf(log, written.history)).toHaveLength(1);
  });

  test('has its floor where a torn write of one slot leaves it', async () => {
    const written = await closed();
    const { files, clock } = written;
    const floor = `${directory}/floor`;
    const whole = files.file(floor);
    for (const slot of [0, 4_096]) {
      files.replace(floor, whole);
      const torn = whole.slice();
      torn.fill(0xff, slot + 16, slot + 30);
      files.replace(floor, torn);
      await using log = await open(files, clock);
      expect(await violationsOf(log, written.history)).toEqual([]);
    }
  });
});

test('appends wait for no write of the floor', async () => {
  const written = await begin();
  const before = written.files.writeCalls;
  await put(written, 5);
  expect(written.files.writeCalls - before).toBeLessThanOrEqual(7);
  const quiet = written.files.writeCalls;
  await written.clock.advance(60_000);
  // A mark once it is idle, and the floor behind it.
  expect(written.files.writeCalls - quiet).toBeLessThanOrEqual(3);
});
