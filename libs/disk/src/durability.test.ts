// The log runs over a disk that forgets at a crash what was not synced. The crash is put at every
// call in turn; what the log holds after it is judged against what its callers were told. Each
// mutant below must be caught by the same judge.

import { Fault, type Files, type Folder, isFault, type OpenFile } from '@tidemark/ports';
import {
  type CrashPoint,
  recordOf,
  SeededPrng,
  SimulatedClock,
  SimulatedFiles,
  settle,
  withEveryFault,
} from '@tidemark/ports/testing';
import { present } from '@tidemark/std';
import { describe, expect, test, vi } from 'vitest';
import type { DiskLog } from './disk-log.ts';
import { LogFile } from './log-file.ts';
import { LogState } from './log-state.ts';
import { LogWriter } from './log-writer.ts';
import { ShardIndex } from './shard-index.ts';
import {
  append,
  directory,
  History,
  open,
  runWorkload,
  shards,
  violationsOf,
} from './testing/crash-workload.ts';

type Mutate = (files: Files) => Files;

const asItIs: Mutate = (files) => files;

/** Answers a write that has only been started. */
const answersBeforeTheWrite: Mutate = (files) => {
  const eager = (file: OpenFile): OpenFile => ({
    ...file,
    writeSynced: async (bytes, position) => void file.writeSynced(bytes, position),
  });
  const folderOf = (folder: Folder): Folder => ({
    ...folder,
    create: async (name, bytes) => eager(await folder.create(name, bytes)),
    open: async (name) => eager(await folder.open(name)),
  });
  return { openFolder: async (path) => folderOf(await files.openFolder(path)) };
};

interface Sweep {
  readonly crashes: number;
  readonly violations: readonly string[];
}

async function sweep(
  point: CrashPoint,
  options: { readonly mutate?: Mutate; readonly forgetsSyncs?: boolean; readonly seed?: number },
): Promise<Sweep> {
  const violations: string[] = [];
  const { mutate = asItIs, forgetsSyncs = false, seed = 1 } = options;
  const runs = await withEveryFault(async (crashAtCall) => {
    const prng = new SeededPrng(seed * 1_000 + crashAtCall);
    const clock = new SimulatedClock();
    const files = new SimulatedFiles({ prng, forgetsSyncs });
    const history = new History();
    const crashed = files.crashAt(crashAtCall, point).then(() => 'faulted' as const);
    const work = async (): Promise<'clean'> => {
      const log = await open(mutate(files), clock);
      await runWorkload(log, history, new SeededPrng(seed));
      // Long enough for a mark, and for the floor behind it.
      await clock.advance(3_000);
      await log[Symbol.asyncDispose]();
      return 'clean';
    };
    const outcome = await Promise.race([crashed, work()]);
    files.disarm();
    if (outcome === 'clean') files.crash();
    try {
      const log = await open(files, clock);
      violations.push(...(await violationsOf(log, history)));
      await goOn(log, { history, files, clock, violations });
    } catch (cause) {
      violations.push(`call ${crashAtCall}: ${String(cause)}`);
    }
    return outcome;
  }, 400);
  return { crashes: runs - 1, violations };
}

/** The log that was recovered takes new records, and keeps them over another crash. */
async function goOn(
  log: DiskLog,
  after: {
    readonly history: History;
    readonly files: SimulatedFiles;
    readonly clock: SimulatedClock;
    readonly violations: string[];
  },
): Promise<void> {
  const { history, files, clock, violations } = after;
  if ((await log.topics()).length === 0) return;
  const shard = present(shards[0], 'shard');
  for (let round = 0; round < 5; round += 1) {
    const batch = [recordOf(`after the crash ${round} ${'y'.repeat(700)}`)];
    const texts = batch.map((record) => new TextDecoder().decode(record.value));
    history.attempted.set(shard, [...(history.attempted.get(shard) ?? []), texts]);
    await append(log, shard, { history, batch });
  }
  files.crash();
  violations.push(...(await violationsOf(await open(files, clock), history)));
}

describe('the disk log over a crash at every call', () => {
  for (const point of ['before', 'torn', 'after'] as const) {
    test(`keeps what was acknowledged and invents nothing, the call being ${point}`, async () => {
      const { crashes, violations } = await sweep(point, {});
      expect(violations).toEqual([]);
      expect(crashes).toBeGreaterThan(30);
    });
  }

  test('keeps it for other seeds as well', async () => {
    for (let seed = 2; seed < 6; seed += 1) {
      expect((await sweep('torn', { seed })).violations).toEqual([]);
    }
  });

  test('a mutant that answers before the write is caught', async () => {
    const { violations } = await sweep('torn', { mutate: answersBeforeTheWrite });
    expect(violations.length).toBeGreaterThan(0);
  });

  test('a mutant whose floor vouches for more than was written is caught', async () => {
    const place = Object.getOwnPropertyDescriptor(LogWriter.prototype, 'place');
    const ahead = vi.spyOn(LogWriter.prototype, 'place', 'get').mockImplementation(function (
      this: LogWriter,
    ) {
      const mark = place?.get?.call(this) as LogWriter['place'];
      return { ...mark, sequence: mark.sequence + 3 };
    });
    const { violations } = await sweep('before', {});
    ahead.mockRestore();
    expect(violations.some((text) => text.includes('was cut here'))).toBe(true);
  });

  test('a mutant that frees a file without moving on what is live in it is caught', async () => {
    const places = vi.spyOn(LogState.prototype, 'liveIn').mockReturnValue([]);
    const forget = vi.spyOn(LogState.prototype, 'forget').mockReturnValue(undefined);
    const live = vi.spyOn(LogFile.prototype, 'liveBytes', 'get').mockReturnValue(0);
    const { violations } = await sweep('before', {});
    live.mockRestore();
    forget.mockRestore();
    places.mockRestore();
    expect(violations.some((text) => text.includes('records before it are missing'))).toBe(true);
  });

  test('a mutant that reads back nothing of what was moved on is caught', async () => {
    const add = vi.spyOn(ShardIndex.prototype, 'add').mockImplementation(() => undefined);
    const { violations } = await sweep('before', {});
    add.mockRestore();
    expect(violations.some((text) => text.includes('records before it are missing'))).toBe(true);
  });

  test('a mutant that does not sync is caught', async () => {
    const { violations } = await sweep('before', { forgetsSyncs: true });
    expect(violations.length).toBeGreaterThan(0);
  });
});

describe('the disk log when a write fails', () => {
  const failing = async (fault: Fault) => {
    const files = new SimulatedFiles({ prng: new SeededPrng(4) });
    const clock = new SimulatedClock();
    const log = await open(files, clock);
    const history = new History();
    await log.ensureTopic({ name: 't', partitions: 2, durability: 'replicated' });
    const [shard, other] = [present(shards[0], 'shard'), present(shards[1], 'shard')];
    const put = (text: string, to = shard) => {
      history.attempted.set(to, [...(history.attempted.get(to) ?? []), [text]]);
      return append(log, to, { history, batch: [recordOf(text)] });
    };
    await put('first');
    files.failAt(files.writeCalls + 1, fault);
    return { files, clock, log, history, put, shard, other };
  };

  test('a failed sync stops it for good, with the outcome unknown', async () => {
    const fault = new Fault('unavailable', 'EIO', { effect: 'unknown' });
    const { files, clock, log, history, put, shard, other } = await failing(fault);
    const inFlight = put('second');
    await settle();
    const waiting = put('third', other);
    expect((await inFlight)?.kind).toBe('unknown');
    expect(await waiting).toEqual({ kind: 'not-committed', reason: 'stopped', retryable: false });
    expect((await put('fourth'))?.kind).toBe('not-committed');
    expect(log.stoppedBy).toBe('EIO');
    await expect(log.trim(shard, 1n)).rejects.toMatchObject({ reason: 'unavailable' });
    expect((await log.bounds([shard])).get(shard)).toEqual({ start: 0n, end: 1n });
    const writeCalls = files.writeCalls;
    await log[Symbol.asyncDispose]();
    expect(files.writeCalls).toBe(writeCalls);
    expect(await violationsOf(await open(files, clock), history)).toEqual([]);
  });

  test('a full disk refuses, without effect, and goes on when there is room', async () => {
    const files = new SimulatedFiles({ prng: new SeededPrng(4) });
    const clock = new SimulatedClock();
    const log = await open(files, clock);
    const history = new History();
    await log.ensureTopic({ name: 't', partitions: 1, durability: 'replicated' });
    const shard = present(shards[0], 'shard');
    // The floor has its room, and three files.
    files.capacityBytes = 5 * 4_096;
    const put = (text: string) => {
      history.attempted.set(shard, [...(history.attempted.get(shard) ?? []), [text]]);
      return append(log, shard, { history, batch: [recordOf(text)] });
    };
    let written = 0;
    for (; written < 100; written += 1) {
      const outcome = await put(`${written} ${'x'.repeat(500)}`);
      if (outcome?.kind === 'committed') continue;
      expect(outcome).toEqual({ kind: 'not-committed', reason: 'full', retryable: false });
      break;
    }
    expect(written).toBeGreaterThan(10);
    expect(written).toBeLessThan(30);
    expect((await put(`again ${'x'.repeat(500)}`))?.kind).toBe('not-committed');
    const spec = {
      name: `t${'2'.repeat(3_000)}`,
      partitions: 1,
      durability: 'replicated',
    } as const;
    await expect(log.ensureTopic(spec)).rejects.toMatchObject({ reason: 'full', effect: 'none' });
    history.trimsAsked.set(shard, written);
    await log.trim(shard, BigInt(written));
    history.trimsAnswered.set(shard, written);
    expect((await put(`room ${'x'.repeat(500)}`))?.kind).toBe('committed');
    await log[Symbol.asyncDispose]();
    expect(await violationsOf(await open(files, clock), history)).toEqual([]);
  });

  test('a write that found no room half-way is taken back', async () => {
    const fault = new Fault('full', 'ENOSPC', { effect: 'unknown' });
    const { files, clock, log, history, put } = await failing(fault);
    expect(await put('second')).toMatchObject({ kind: 'not-committed', reason: 'full' });
    expect((await put('third'))?.kind).toBe('committed');
    await log[Symbol.asyncDispose]();
    expect(await violationsOf(await open(files, clock), history)).toEqual([]);
  });
});

describe('the disk log when its files rot', () => {
  const written = async () => {
    const files = new SimulatedFiles({ prng: new SeededPrng(4) });
    const clock = new SimulatedClock();
    const log = await open(files, clock);
    const history = new History();
    await runWorkload(log, history, new SeededPrng(9));
    await log[Symbol.asyncDispose]();
    return { files, clock, history };
  };

  test('a flipped bit is refused with its file and place, or touches nothing acknowledged', async () => {
    const { files, clock, history } = await written();
    const prng = new SeededPrng(11);
    const refusals: string[] = [];
    const violations: string[] = [];
    for (let round = 0; round < 400; round += 1) {
      const path = present(files.paths()[prng.below(files.paths().length)], 'path');
      const before = files.file(path);
      const rotten = before.slice();
      rotten[prng.below(rotten.length)]! ^= 1 << prng.below(8);
      files.replace(path, rotten);
      const others = new Map(files.paths().map((name) => [name, files.file(name)]));
      const log = await open(files, clock).catch((cause: unknown) => cause);
      if (isFault(log)) {
        refusals.push(`${log.reason} ${log.message}`);
      } else {
        violations.push(...(await violationsOf(log as DiskLog, history)));
        await (log as DiskLog)[Symbol.asyncDispose]();
      }
      for (const name of files.paths()) files.replace(name, others.get(name) ?? new Uint8Array());
      files.replace(path, before);
    }
    expect(violations).toEqual([]);
    expect(refusals.length).toBeGreaterThan(100);
    const named = /^corrupt .*file=\d{8}\.log position=\d+ why=/;
    expect(refusals.filter((refusal) => !named.test(refusal))).toEqual([]);
  });

  test('a missing file is refused', async () => {
    const files = new SimulatedFiles({ prng: new SeededPrng(4) });
    const clock = new SimulatedClock();
    const log = await open(files, clock);
    await log.ensureTopic({ name: 't', partitions: 1, durability: 'replicated' });
    const batch = [recordOf('x'.repeat(3_000))];
    for (let round = 0; round < 4; round += 1) {
      await append(log, present(shards[0], 'shard'), { history: new History(), batch });
    }
    await log[Symbol.asyncDispose]();
    const paths = files.paths();
    expect(paths.length).toBeGreaterThan(3);
    const folder = await files.openFolder(directory);
    await folder.remove(present(paths[1], 'path').slice(directory.length + 1));
    await folder[Symbol.asyncDispose]();
    await expect(open(files, clock)).rejects.toMatchObject({ reason: 'corrupt' });
  });
});
