// The log over real files, and a real process that is killed while it appends. A kill cannot show a
// missing sync, since the page cache survives it; durability.test.ts does that.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, open as openFile, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFault, shardOf, silentLogger, silentMetrics } from '@tidemark/ports';
import { describeEventLog, SeededPrng } from '@tidemark/ports/testing';
import { present, textOf } from '@tidemark/std';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DiskLog, openDiskLog } from './disk-log.ts';
import { nodeFiles } from './node-files.ts';
import { appenderFileBytes, appenderShards, appenderTopic } from './testing/appender-plan.ts';
import { realClock } from './testing/real-clock.ts';

const open = (directory: string): Promise<DiskLog> =>
  openDiskLog(
    { clock: realClock, files: nodeFiles, logger: silentLogger, metrics: silentMetrics },
    { directory, fileBytes: appenderFileBytes },
  );

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'tidemark-log-'));

describeEventLog('the disk log over real files', async () => {
  const directory = await folder();
  const log = await open(directory);
  return {
    log,
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
});

/** What was acknowledged: by partition, text by offset. */
type Acknowledged = Map<number, Map<number, string>>;

/** Runs an appender, kills it after a while, and adds what it was told. */
async function appendAndKill(
  directory: string,
  options: { readonly run: number; readonly afterMs: number; readonly acknowledged: Acknowledged },
): Promise<{ readonly pid: number; readonly count: number }> {
  const module = new URL('./testing/appender.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [module, directory, String(options.run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told = collectLines(child);
  const exit = once(child, 'exit');
  await Promise.race([told.ready, exit.then(() => Promise.reject(new Error('appender died')))]);
  await new Promise((resolve) => setTimeout(resolve, options.afterMs));
  child.kill('SIGKILL');
  const [, signal] = await exit;
  expect(signal).toBe('SIGKILL');
  await told.end;
  for (const line of told.lines()) {
    const [partition, offset, text] = line.split(' ');
    const shard = options.acknowledged.get(Number(partition)) ?? new Map<number, string>();
    options.acknowledged.set(Number(partition), shard.set(Number(offset), text ?? ''));
  }
  return { pid: child.pid ?? 0, count: told.lines().length };
}

function collectLines(child: ChildProcess) {
  let output = '';
  const ready = Promise.withResolvers<void>();
  const stdout = present(child.stdout ?? undefined, 'output');
  stdout.setEncoding('utf8');
  stdout.on('data', (text: string) => {
    output += text;
    if (output.includes('ready\n')) ready.resolve();
  });
  // A line that the kill cut was still acknowledged, but cannot be read.
  const lines = (): string[] => output.split('\n').slice(1, -1);
  return { ready: ready.promise, end: once(stdout, 'close'), lines };
}

/** What a shard holds, text by offset. */
async function held(log: DiskLog, partition: number): Promise<Map<number, string>> {
  const shard = shardOf(appenderTopic, partition);
  const bounds = (await log.bounds([shard])).get(shard);
  if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
  const texts = new Map<number, string>();
  if (bounds.start === bounds.end) return texts;
  const { signal } = new AbortController();
  for await (const chunk of log.read(shard, { from: bounds.start, signal })) {
    for (const record of chunk.records) texts.set(Number(record.offset), textOf(record.value));
    if (chunk.nextOffset >= bounds.end) break;
  }
  return texts;
}

/**
 * Texts that are missing, and texts that nobody can have written in that place. What was trimmed was
 * judged before, and is forgotten.
 */
async function judge(log: DiskLog, acknowledged: Acknowledged) {
  const missing: string[] = [];
  const invented: string[] = [];
  for (let partition = 0; partition < appenderShards; partition += 1) {
    const texts = await held(log, partition);
    const [first = 0] = texts.keys();
    const told = acknowledged.get(partition) ?? new Map<number, string>();
    for (const [offset, text] of told) {
      if (offset < first) told.delete(offset);
      else if (texts.get(offset) !== text) missing.push(`${partition} ${offset}`);
    }
    let [lastRun, lastCount] = [-1, -1];
    for (const [offset, text] of texts) {
      const [run = '', count = '', filler = ''] = text.split('.');
      const isNext =
        Number(run) === lastRun ? Number(count) === lastCount + 1 : Number(run) > lastRun;
      const isFirst = offset === first || Number(run) === lastRun || Number(count) === 0;
      const isWhole = filler === 'x'.repeat((Number(count) * 37) % 400);
      if (!isNext || !isFirst || !isWhole) invented.push(`${partition} ${offset} ${text}`);
      [lastRun, lastCount] = [Number(run), Number(count)];
    }
  }
  return { missing, invented };
}

const killsOfRun = Number(process.env['TIDEMARK_KILLS'] ?? 25);

describe('the disk log of a process that is killed', () => {
  let directory: string;
  const acknowledged: Acknowledged = new Map();

  beforeAll(async () => {
    directory = await folder();
  });
  afterAll(() => rm(directory, { recursive: true }));

  test(
    'everything acknowledged is there after every kill, and nothing is invented',
    async () => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
      const prng = new SeededPrng(seed);
      const pids: number[] = [];
      let acknowledgedCount = 0;
      for (let run = 0; run < killsOfRun; run += 1) {
        const afterMs = prng.below(150);
        const { pid, count } = await appendAndKill(directory, { run, afterMs, acknowledged });
        pids.push(pid);
        acknowledgedCount += count;
        const log = await open(directory);
        expect(await judge(log, acknowledged)).toEqual({ missing: [], invented: [] });
        await log[Symbol.asyncDispose]();
      }
      console.log(
        `SEED=${seed} acknowledged=${acknowledgedCount} killed processes: ${pids.join()}`,
      );
      expect(acknowledgedCount).toBeGreaterThan(killsOfRun * 10);
    },
    killsOfRun * 10_000,
  );

  test('a second holder of the folder is refused, until the first is killed', async () => {
    const other = await folder();
    const module = new URL('./testing/appender.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [module, other, '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await collectLines(child).ready;
    await expect(open(other)).rejects.toMatchObject({ reason: 'locked', effect: 'none' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const log = await open(other);
    await expect(open(other)).rejects.toMatchObject({ reason: 'locked' });
    await log[Symbol.asyncDispose]();
    await rm(other, { recursive: true });
  });

  const tail = async (copy: string): Promise<{ path: string; end: number }> => {
    const names = (await readdir(copy)).filter((name) => name.endsWith('.log')).sort();
    for (const name of names.reverse()) {
      const bytes = await readFile(join(copy, name));
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end -= 1;
      if (end > 0) return { path: join(copy, name), end };
    }
    throw new Error('no log');
  };

  let nextRun = killsOfRun;
  const inCopy = async (damage: (path: string, end: number) => Promise<void>) => {
    const copy = await folder();
    await appendAndKill(directory, { run: nextRun, afterMs: 30, acknowledged });
    nextRun += 1;
    await cp(directory, copy, { recursive: true });
    const { path, end } = await tail(copy);
    await damage(path, end);
    const log = await open(copy).catch((cause: unknown) => cause);
    if (isFault(log)) return { refused: log, missing: [], invented: [] };
    const judged = await judge(log as DiskLog, acknowledged);
    await (log as DiskLog)[Symbol.asyncDispose]();
    await rm(copy, { recursive: true });
    return { refused: undefined, ...judged };
  };

  test('a truncated tail loses at most what was cut off, and invents nothing', async () => {
    const after = await inCopy((path, end) => truncate(path, end - 30));
    expect(after.refused).toBeUndefined();
    expect(after.invented).toEqual([]);
    // One record of each shard at most lies in the group that was cut.
    expect(after.missing.length).toBeLessThanOrEqual(appenderShards);
  });

  test('a bit flipped before the tail is refused, with its file and place', async () => {
    const after = await inCopy(async (path, end) => {
      await using file = await openFile(path, 'r+');
      const byte = Buffer.alloc(1);
      const position = Math.floor(end / 2);
      await file.read(byte, 0, 1, position);
      await file.write(Uint8Array.of((byte[0] ?? 0) ^ 4), 0, 1, position);
    });
    expect(after.refused?.reason).toBe('corrupt');
    expect(after.refused?.message).toMatch(/file=\d{8}\.log position=\d+ why=/);
  });
});
