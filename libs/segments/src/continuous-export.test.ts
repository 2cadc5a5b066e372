// What a tenant's events are exported to as they are archived: each event that is kept is in one file that is named,
// once, whatever befalls whoever exports it; what is erased leaves the files as well.

import { Fault, type ObjectStore } from '@tidemark/ports';
import { type FaultKind, faultAtCall, withEveryFault } from '@tidemark/ports/testing';
import { isProblem } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { erasureProof } from './erasure-proof.ts';
import { decodeExport, exportManifestKey } from './export-manifest.ts';
import { type CellProcess, nameOf } from './testing/cell.ts';
import { KeptSessions, wordsIn } from './testing/kept-sessions.ts';

async function begin(format: 'ndjson' | 'parquet' = 'ndjson') {
  const kept = new KeptSessions();
  const process = await kept.cell.start();
  await process.registry.materialize(process.tenant.id, format);
  return { kept, cell: kept.cell, process };
}

const archive = async (process: CellProcess): Promise<void> => {
  await process.publish();
  await process.tier();
};

/** What is in the files that are named, and what of that which is gone is in any that is there. */
function exported(kept: KeptSessions, process: CellProcess) {
  const stored = kept.allMaterialized;
  const gone = kept.words().gone.filter((word) => stored.includes(word));
  return { named: wordsIn(kept.materialized(process)), gone };
}

const allThatIsKept = (kept: KeptSessions) => ({ named: kept.words().there, gone: [] });

const steps = fc.array(
  fc.record({
    session: fc.nat(5),
    count: fc.integer({ min: 1, max: 6 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    next: fc.constantFrom(
      'append',
      'append',
      'append',
      'trim',
      'redact',
      'archive',
      'later',
      'anew',
    ),
  }),
  { minLength: 1, maxLength: 50 },
);

test('has each event that is kept once, whatever is taken and merged, and whoever goes on with it', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { kept, cell, process: first } = await begin();
      let process = first;
      for (const { session, count, share, next } of all) {
        if (next === 'append') await kept.append(process, session, count);
        if (next === 'trim') await kept.trim(process, session, share);
        if (next === 'redact') await kept.redact(process, session, share);
        if (next === 'archive') await archive(process);
        if (next === 'later') await cell.clock.advance(11_000);
        if (next !== 'anew') continue;
        process = await cell.start();
        await cell.clock.runUntil(process.replica.readIndex());
      }
      await archive(process);
      for (let round = 0; round < 3; round += 1) {
        await cell.clock.advance(11_000);
        await process.tier();
      }
      expect(exported(kept, process)).toEqual(allThatIsKept(kept));
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('lines are those of the segments, by day, and the offset is in the manifest with them', async () => {
  const { kept, cell, process } = await begin();
  await kept.append(process, 0, 2);
  await archive(process);
  await cell.clock.advance(86_400_000);
  await kept.append(process, 1, 1);
  await archive(process);
  const { logName } = process.replica;
  const key = exportManifestKey(logName, process.tenant.id);
  const { files, endOffset } = decodeExport(cell.store.objects().get(key)?.body ?? bytesOf(''));
  expect(endOffset).toBe(Number(process.replica.fold.position));
  expect(files.map(({ name, events }) => [name.slice(0, name.lastIndexOf('/')), events])).toEqual([
    [expect.stringMatching(/\/exports\/default\/day=2023-11-14$/) as string, 2],
    [expect.stringMatching(/\/exports\/default\/day=2023-11-15$/) as string, 1],
  ]);
  const lines = kept.materialized(process).map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { tenant: 'default', session: 's/0', seq: 0 },
    { session: 's/0', seq: 1 },
    { session: 's/1', seq: 0 },
  ]);
});

test('nothing holds it up: any event, and none, is a line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.json(), { minLength: 1, maxLength: 8 }), async (events) => {
      const { cell, process, kept } = await begin();
      await cell.append(process, 0, events);
      await archive(process);
      const found = kept
        .materialized(process)
        .map((line) => JSON.parse(line) as { event: unknown });
      expect(found.map(({ event }) => event)).toEqual(
        events.map((text) => JSON.parse(text) as unknown),
      );
    }),
    { numRuns: 40 },
  );
  for (const format of ['ndjson', 'parquet'] as const) {
    const { cell, process } = await begin(format);
    const wide = JSON.stringify({ type: 'x'.repeat(9_000), level: 7, turn_id: { a: 1 }, id: null });
    await cell.append(process, 0, [wide, '1', '[[]]', '"\\ud800"']);
    await archive(process);
    const names = [...cell.store.objects().keys()].filter((key) => key.endsWith(`.${format}`));
    expect(names).toHaveLength(1);
  }
});

test('begins with what was archived before, and ends where nobody wants it, but for what is erased', async () => {
  const kept = new KeptSessions();
  const { cell } = kept;
  const process = await cell.start();
  await kept.append(process, 0, 3);
  await archive(process);
  expect(kept.materialized(process)).toEqual([]);
  await process.registry.materialize(process.tenant.id, 'ndjson');
  await process.tier();
  expect(kept.materialized(process)).toHaveLength(3);
  await process.registry.materialize(process.tenant.id, undefined);
  await kept.append(process, 0, 1);
  await archive(process);
  expect(kept.materialized(process)).toHaveLength(3);
  await process.writes.delete(process.tenant, nameOf(0));
  await kept.append(process, 2, 1);
  await archive(process);
  for (let round = 0; round < 3; round += 1) {
    await cell.clock.advance(11_000);
    await process.tier();
  }
  expect(kept.materialized(process)).toEqual([]);
  expect(kept.allMaterialized).toBe('');
});

test('two who export at once leave each event once', async () => {
  const { kept, cell, process: one } = await begin();
  const other = await cell.start();
  for (let round = 0; round < 8; round += 1) {
    await kept.append(one, round % 4, 2);
    await cell.clock.runUntil(other.replica.readIndex());
    await Promise.all([one.tier(), other.tier()]);
  }
  await archive(one);
  expect(wordsIn(kept.materialized(one))).toEqual(kept.words().there);
});

test('what is erased while somebody stands before a commit leaves the files as well', async () => {
  const { kept, cell, process: other } = await begin();
  const stands = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  let isHeld = true;
  const held = (store: ObjectStore, wait: () => Promise<void>): ObjectStore => {
    const put = store.putIfAbsent.bind(store);
    store.putIfAbsent = async (key, body, signal) => {
      if (isHeld && key.includes('/exports/') && key.endsWith('.json')) await wait();
      return put(key, body, signal);
    };
    return store;
  };
  const one = await cell.start({}, (store) =>
    held(store, () => {
      stands.resolve();
      return goesOn.promise;
    }),
  );
  const eraser = await cell.start({}, (store) =>
    held(store, () => Promise.reject(new Fault('unavailable', 'no exports', { effect: 'none' }))),
  );
  await kept.append(other, 0, 3);
  await other.publish();
  await cell.clock.runUntil(one.replica.readIndex());
  const exporting = one.tier();
  await stands.promise;
  await kept.trim(eraser, 0, 0.7);
  await eraser.publish();
  for (let round = 0; round < 3; round += 1) {
    await eraser.tier();
    await cell.clock.advance(11_000);
  }
  const stored = [...cell.store.objects().keys()];
  expect(stored.some((key) => key.includes('/erasures/'))).toBe(true);
  isHeld = false;
  goesOn.resolve();
  await exporting;
  const proof = () =>
    cell.clock.runUntil(
      erasureProof(
        other.archive,
        { replica: other.replica, tenant: other.tenant.id, key: nameOf(0) },
        new AbortController().signal,
      ),
    );
  const [file] = kept.fileNames(other);
  // Made anew and named instead, it may still be read: whoever asks is told so.
  expect((await proof()).left).not.toEqual([]);
  expect((await proof()).left).not.toContain(file);
  for (let round = 0; round < 3; round += 1) {
    await cell.clock.advance(11_000);
    await other.tier();
  }
  expect(exported(kept, other)).toEqual(allThatIsKept(kept));
  expect(await proof()).toMatchObject({ status: 'erased', left: [] });
});

describe('whatever call of an export fails', () => {
  const kinds: readonly FaultKind[] = ['before', 'lost-request', 'lost-reply', 'late', 'twice'];
  test.each(kinds)(
    '%s: no event is missing or there twice, and no file is lost',
    async (kind) => {
      const runs = await withEveryFault(async (faultAt) => {
        const { kept, cell, process } = await begin();
        for (let session = 0; session < 4; session += 1) await kept.append(process, session, 3);
        await archive(process);
        await kept.trim(process, 0, 0.5);
        await kept.redact(process, 2, 0.5);
        for (let session = 0; session < 4; session += 1) await kept.append(process, session, 1);
        await process.publish();
        await cell.clock.advance(11_000);
        const { faults, hasFaulted } = faultAtCall(faultAt, kind);
        cell.store.setFaults(faults);
        await process.tier().catch((cause: unknown) => {
          if (!isProblem(cause)) expect(cause).toHaveProperty('effect');
        });
        cell.store.setFaults();
        kept.materialized(process);
        for (let round = 0; round < 4; round += 1) {
          await cell.clock.advance(11_000);
          await process.tier();
        }
        expect(exported(kept, process)).toEqual(allThatIsKept(kept));
        return hasFaulted() ? 'faulted' : 'clean';
      }, 120);
      expect(runs).toBeGreaterThan(8);
    },
    60_000,
  );
});
