import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeObjectStore } from '@tidemark/ports/testing';
import { textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { openFolderStore } from './folder-store.ts';
import { realClock } from './testing/real-clock.ts';

describeObjectStore('the folder store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-store-'));
  const [store, secondHandle] = await Promise.all([
    openFolderStore({ clock: realClock }, { directory }),
    openFolderStore({ clock: realClock }, { directory }),
  ]);
  return {
    store,
    secondHandle,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
});

interface RacerReport {
  readonly wins: readonly (readonly [key: string, body: string])[];
  readonly faults: readonly string[];
}

const race = async (directory: string, racers: number, args: readonly string[]) => {
  const module = new URL('./testing/store-racer.ts', import.meta.url);
  const children = Array.from({ length: racers }, (_, racer) =>
    fork(module, [directory, String(racer), ...args], { stdio: 'inherit' }),
  );
  const exits = children.map((child) => once(child, 'exit'));
  const ready = children.map((child) => once(child, 'message'));
  await Promise.race([
    Promise.all(ready),
    Promise.race(exits).then(() => Promise.reject(new Error('a racer died before the race'))),
  ]);
  const reports = children.map(async (child) => {
    const exited = once(child, 'exit').then(() => Promise.reject(new Error('a racer died')));
    const [report] = await Promise.race([once(child, 'message'), exited]);
    return report as RacerReport;
  });
  for (const child of children) child.send('go');
  const finished = await Promise.all(reports);
  await Promise.all(exits);
  return { pids: children.map((child) => child.pid), reports: finished };
};

describe('the folder store between processes', () => {
  test('racing processes agree on one winner of each put, with its body', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-store-'));
    const { pids, reports } = await race(directory, 4, ['put', '100']);
    console.log(`racers: processes ${pids.join()}`);
    const store = await openFolderStore({ clock: realClock }, { directory });
    const wins = reports.flatMap((report) => report.wins);
    expect(reports.flatMap((report) => report.faults)).toEqual([]);
    expect(new Set(wins.map(([key]) => key)).size).toBe(100);
    expect(wins.length).toBe(100);
    for (const [key, body] of wins)
      expect(textOf((await store.get(key))?.body ?? new Uint8Array())).toBe(body);
    expect(await readdir(join(directory, '.tidemark'))).toEqual([]);
    await rm(directory, { recursive: true });
  });

  test('racing processes lose no step of a counter that they swap', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-store-'));
    const { reports } = await race(directory, 4, ['count', '50']);
    const store = await openFolderStore({ clock: realClock }, { directory });
    expect(reports.flatMap((report) => report.faults)).toEqual([]);
    expect(textOf((await store.get('counter'))?.body ?? new Uint8Array())).toBe('200');
    await rm(directory, { recursive: true });
  });
});
