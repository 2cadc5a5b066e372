// What the log keeps on the disk when some shards are trimmed and others never are: few files, and all
// that was not trimmed, over restarts.

import { Fault, type Shard } from '@tidemark/ports';
import { recordOf, SeededPrng, SimulatedClock, SimulatedFiles } from '@tidemark/ports/testing';
import { present, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DiskLog } from './disk-log.ts';
import { mustGo } from './log-cleaner.ts';
import { append, directory, History, open, readAll, shards } from './testing/crash-workload.ts';

const fileBytes = 4_096;

class Kept {
  readonly files = new SimulatedFiles({ prng: new SeededPrng(4) });
  readonly clock = new SimulatedClock();
  readonly held = new Map<Shard, { start: number; texts: string[] }>();
  log: DiskLog;

  private constructor(log: DiskLog, files: SimulatedFiles) {
    this.log = log;
    this.files = files;
  }

  static async begin(): Promise<Kept> {
    const files = new SimulatedFiles({ prng: new SeededPrng(4) });
    const log = await open(files, new SimulatedClock(), fileBytes);
    await log.ensureTopic({ name: 't', partitions: shards.length, durability: 'replicated' });
    return new Kept(log, files);
  }

  async put(at: number, text: string): Promise<void> {
    const shard = present(shards[at], 'shard');
    const outcome = await append(this.log, shard, {
      history: new History(),
      batch: [recordOf(text)],
    });
    if (outcome?.kind === 'committed') this.#of(at).texts.push(text);
  }

  /** Trims all but the last records. */
  async trim(at: number, kept: number): Promise<void> {
    const of = this.#of(at);
    const gone = Math.max(0, of.texts.length - kept);
    of.start += gone;
    of.texts.splice(0, gone);
    await this.log.trim(present(shards[at], 'shard'), BigInt(of.start));
  }

  async reopen(): Promise<void> {
    await this.log[Symbol.asyncDispose]();
    this.log = await open(this.files, this.clock, fileBytes);
  }

  /** What is there, in the place of what was kept. */
  async found(): Promise<Kept['held']> {
    const found: Kept['held'] = new Map();
    for (const shard of this.held.keys()) {
      const bounds = (await this.log.bounds([shard])).get(shard);
      if (bounds === undefined || bounds instanceof Error) throw bounds ?? new Error('no bounds');
      const range = { start: Number(bounds.start), end: Number(bounds.end) };
      const records = await readAll(this.log, shard, range);
      found.set(shard, {
        start: range.start,
        texts: records.map(({ value }) => textOf(value)),
      });
    }
    return found;
  }

  get logFiles(): number {
    return this.files.paths().filter((path) => path.endsWith('.log')).length;
  }

  get heldBytes(): number {
    const texts = [...this.held.values()].flatMap((of) => of.texts);
    return texts.reduce((sum, text) => sum + text.length + 100, 0);
  }

  #of(at: number): { start: number; texts: string[] } {
    const shard = present(shards[at], 'shard');
    const of = this.held.get(shard) ?? { start: 0, texts: [] };
    this.held.set(shard, of);
    return of;
  }
}

describe('the files of the log', () => {
  test('are few, whatever is written, when one shard is never trimmed', async () => {
    const kept = await Kept.begin();
    let filesMax = 0;
    for (let round = 0; round < 400; round += 1) {
      if (round % 50 === 0) await kept.put(0, `kept ${round}`);
      await kept.put(1, `${round} ${'x'.repeat(700)}`);
      if (round % 4 === 3) await kept.trim(1, 2);
      filesMax = Math.max(filesMax, kept.logFiles);
      if (round % 97 === 0) await kept.reopen();
    }
    expect(filesMax).toBeLessThanOrEqual(5);
    expect(await kept.found()).toEqual(kept.held);
    await kept.reopen();
    expect(await kept.found()).toEqual(kept.held);
    expect(kept.held.get(present(shards[0], 'shard'))?.texts.length).toBe(8);
  });

  test('are at most twice what is kept, and four more, for any order of what is done', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ put: fc.nat({ max: 3 }), bytes: fc.nat({ max: 900 }) }) },
      { weight: 3, arbitrary: fc.record({ trim: fc.nat({ max: 3 }), kept: fc.nat({ max: 6 }) }) },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
        const kept = await Kept.begin();
        for (const [index, one] of steps.entries()) {
          if (one === 'reopen') await kept.reopen();
          else if ('put' in one) await kept.put(one.put, `${index} ${'x'.repeat(one.bytes)}`);
          else {
            await kept.trim(one.trim, one.kept);
            const boundFiles = (2 * kept.heldBytes) / (fileBytes * 0.7) + 4;
            expect(kept.logFiles).toBeLessThanOrEqual(Math.ceil(boundFiles));
          }
        }
        await kept.reopen();
        expect(await kept.found()).toEqual(kept.held);
      }),
      { numRuns: 40 },
    );
  });

  test('that are dead but for a little are freed on a disk that is full', async () => {
    const kept = await Kept.begin();
    await kept.put(0, 'kept');
    // The floor has its room, and three files.
    kept.files.capacityBytes = 5 * fileBytes;
    let written = 0;
    for (; written < 100; written += 1) {
      const before = kept.held.get(present(shards[1], 'shard'))?.texts.length ?? 0;
      await kept.put(1, `${written} ${'x'.repeat(500)}`);
      if ((kept.held.get(present(shards[1], 'shard'))?.texts.length ?? 0) === before) break;
    }
    expect(written).toBeLessThan(100);
    await kept.trim(1, 0);
    await kept.put(1, `room ${'x'.repeat(500)}`);
    expect(await kept.found()).toEqual(kept.held);
    expect(kept.held.get(present(shards[1], 'shard'))?.texts.length).toBe(1);
    await kept.reopen();
    expect(await kept.found()).toEqual(kept.held);
  });

  test('stay where what they hold cannot be read, and the log goes on', async () => {
    const kept = await Kept.begin();
    await kept.put(0, 'kept');
    for (let round = 0; round < 12; round += 1) await kept.put(1, `${round} ${'x'.repeat(700)}`);
    const path = present(kept.files.paths()[0], 'path');
    const bytes = kept.files.file(path);
    const at = Buffer.from(bytes).indexOf('kept');
    const rotten = bytes.slice();
    rotten[at] = 0;
    kept.files.replace(path, rotten);
    const before = kept.logFiles;
    await kept.trim(1, 1);
    expect(kept.logFiles).toBe(before);
    kept.files.replace(path, bytes);
    await kept.put(1, 'on');
    await kept.trim(1, 1);
    expect(kept.logFiles).toBeLessThan(before);
    expect(await kept.found()).toEqual(kept.held);
  });

  test('are freed although a write of what is moved on failed without effect', async () => {
    const kept = await Kept.begin();
    await kept.put(0, 'kept');
    for (let round = 0; round < 12; round += 1) await kept.put(1, `${round} ${'x'.repeat(700)}`);
    // The trim itself, then what is moved on.
    const fault = new Fault('full', 'ENOSPC', { effect: 'none' });
    kept.files.failAt(kept.files.writeCalls + 2, fault);
    const before = kept.logFiles;
    await kept.trim(1, 1);
    expect(kept.logFiles).toBe(before);
    await kept.put(1, 'on');
    await kept.trim(1, 1);
    expect(kept.logFiles).toBeLessThan(before);
    expect(await kept.found()).toEqual(kept.held);
    expect(kept.files.paths()[0]).not.toBe(`${directory}/00000001.log`);
  });
});

describe('mustGo', () => {
  const file = (batchBytes: number, liveBytes: number) => ({ bytes: 1_600, batchBytes, liveBytes });

  test('frees a file of which a sixteenth is live, and no more', () => {
    expect(mustGo([file(1_500, 100)], 1_600)).toBe(true);
    expect(mustGo([file(1_500, 101)], 1_600)).toBe(false);
    expect(mustGo([], 1_600)).toBe(false);
  });

  test('frees the oldest once more is dead than is live and two files', () => {
    const whole = file(1_500, 1_500);
    const half = file(1_500, 700);
    const dead = (count: number) => Array.from({ length: count }, () => file(1_600, 0));
    expect(mustGo([whole, half, ...dead(2)], 1_200)).toBe(false);
    expect(mustGo([whole, ...dead(3)], 1_650)).toBe(false);
    expect(mustGo([whole, ...dead(3)], 1_649)).toBe(true);
  });
});
