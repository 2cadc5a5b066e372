// What is archived is read as it was appended, whatever befalls whoever archives it, and the log is let go only
// behind it.

import type { ObjectStore } from '@tidemark/ports';
import { type FaultKind, faultAtCall, withEveryFault } from '@tidemark/ports/testing';
import { isProblem } from '@tidemark/protocol';
import { textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeFooter, linesOf } from './segment-format.ts';
import { decodeManifest, manifestKey, segmentPrefix } from './segment-manifest.ts';
import { Cell, nameOf, type Work, works } from './testing/cell.ts';

/** Of events that lie side by side in the log, some are archived later than others. */
const archivedInTwo: Work[] = [
  { index: 0, events: ['1', '2'], next: 'both' },
  { index: 0, events: ['3', '4'], next: 'both' },
  { index: 0, events: ['5'], next: 'both' },
];

test('events are read to the byte, out of segments, the log, and both', async () => {
  await fc.assert(
    fc.asyncProperty(works, async (steps) => {
      const cell = new Cell();
      const process = await cell.start();
      for (const step of steps) await cell.work(process, step);
      expect(await cell.read()).toEqual(cell.expected);
      await process.publish();
      await process.tier();
      expect(await cell.read()).toEqual(cell.expected);
      expect(cell.logStart(process.replica.shard)).toBeGreaterThan(0n);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test('who read before more was archived, and let go, reads all of it', async () => {
  await fc.assert(
    fc.asyncProperty(works, async (steps) => {
      const cell = new Cell();
      const [process, reader] = [await cell.start(), await cell.start()];
      for (const step of steps) {
        await cell.work(process, step);
        expect(await cell.read(reader)).toEqual(cell.expected);
      }
    }),
    { numRuns: 60, examples: [[archivedInTwo]] },
  );
}, 60_000);

test('a few events of many that are asked for again cost no request', async () => {
  const cell = new Cell();
  const process = await cell.start({ segmentBytes: 10_000_000 });
  const events = Array.from({ length: 600 }, (_, at) => JSON.stringify({ at, x: 'x'.repeat(300) }));
  await cell.append(process, 0, events);
  await process.publish();
  await process.tier();
  const ranges: string[] = [];
  const { shards, tenant, replica } = await cell.start({}, (store) => {
    const ask = store.getRange.bind(store);
    const getRange: ObjectStore['getRange'] = (key, range, signal) => {
      if (key.includes('/segments/')) ranges.push(`${range.firstByte}-${range.endByte}`);
      return ask(key, range, signal);
    };
    return Object.assign(store, { getRange });
  });
  await cell.clock.runUntil(replica.readIndex());
  const { key } = shards.locate(tenant, nameOf(0));
  const bounds = { position: 300, bytesMax: 1_000_000, eventsMax: 3 };
  const read = async (): Promise<readonly string[]> => {
    const range = await cell.clock.runUntil(
      replica.with(key, (session) => shards.reader.read({ replica, session }, bounds)),
    );
    return range.split().map(textOf);
  };
  const wanted = events.slice(300, 303);
  expect(await read()).toEqual(wanted);
  const first = ranges.length;
  expect(first).toBe(2);
  expect(await read()).toEqual(wanted);
  expect(ranges.length).toBe(first);
});

test('what was deleted is in no segment, and a session of its name has its own events', async () => {
  const cell = new Cell();
  const process = await cell.start();
  await cell.append(process, 0, ['"secret"']);
  await process.writes.delete(process.tenant, nameOf(0));
  cell.sent.delete(nameOf(0));
  await cell.append(process, 0, ['"mine"']);
  await process.publish();
  await process.tier();
  expect(await cell.read()).toEqual(cell.expected);
  expect(linesIn(cell).join('')).not.toContain('secret');
});

test('a segment is lines that any tool reads', async () => {
  const cell = new Cell();
  const process = await cell.start();
  await cell.append(process, 2, ['{"type":"user.message","n":1}', '{\n"n":2}']);
  await cell.append(process, 1, ['abc']);
  await process.tier();
  const lines = linesIn(cell).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { tenant: 'default', session: 's/1', seq: 0, event: null, bytes: 'YWJj' },
    { session: 's/2', seq: 0, type: 'user.message', event: { n: 1 }, level: null, turn: null },
    { session: 's/2', seq: 1, type: null, event: { n: 2 } },
  ]);
  expect(lines[0]?.['id']).toMatch(/^sevt_/);
});

function segmentsOf(cell: Cell): readonly Uint8Array[] {
  const segments = [...cell.store.objects()].filter(([key]) => key.includes('/segments/'));
  return segments.map(([, { body }]) => body);
}

const linesIn = (cell: Cell): readonly string[] =>
  segmentsOf(cell).flatMap((body) =>
    decodeFooter(body).frames.flatMap(({ firstByte, endByte, lines }) =>
      linesOf(body.subarray(firstByte, endByte), lines).map(textOf),
    ),
  );

test('what is deleted later leaves its segments, and nothing else does', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let index = 0; index < 8; index += 1) await cell.append(process, index, [`"of ${index}"`]);
  await process.tier();
  for (const index of [2, 4]) {
    await process.writes.delete(process.tenant, nameOf(index));
    cell.sent.delete(nameOf(index));
  }
  await cell.append(process, 4, ['"anew"']);
  await process.publish();
  await process.tier();
  expect(linesIn(cell).join()).toContain('of 2');
  await cell.clock.advance(11_000);
  await process.tier();
  await cell.clock.advance(2_000);
  await process.tier();
  const text = linesIn(cell).join();
  expect(text).not.toContain('of 2');
  expect(text).not.toContain('of 4');
  for (const told of ['of 0', 'of 6', 'anew']) expect(text).toContain(told);
  expect(await cell.read()).toEqual(cell.expected);
});

test('many small segments become few, with each session in one place', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 40; round += 1) {
    await cell.append(process, round % 3, [`"round ${round}"`]);
    await process.tier();
  }
  await process.publish();
  await cell.clock.advance(2_000);
  await process.tier();
  await cell.clock.advance(2_000);
  await process.tier();
  expect(segmentsOf(cell).length).toBeLessThan(16);
  expect(await cell.read()).toEqual(cell.expected);
});

// With what a line says beside its event they are larger than a segment is to be.
test('segments that are full become few, with each session in one place', async () => {
  const cell = new Cell();
  const process = await cell.start({ segmentBytes: 128 * 1_024 });
  const text = 'a line that says little, and says it '.repeat(10);
  for (let round = 0; round < 40; round += 1) {
    const events = Array.from({ length: 100 }, (_, at) => JSON.stringify(`${text}${round}/${at}`));
    await cell.append(process, 2 * (round % 3), events);
  }
  await process.tier();
  await process.publish();
  await cell.clock.advance(2_000);
  await process.tier();
  expect(segmentsOf(cell).length).toBeLessThan(8);
  expect(await cell.read()).toEqual(cell.expected);
});

test('two who archive one shard leave one row of segments', async () => {
  const cell = new Cell();
  const [one, other] = [await cell.start(), await cell.start()];
  for (let round = 0; round < 12; round += 1) {
    await cell.append(one, round % 4, [`"${round}"`]);
    await cell.clock.runUntil(other.replica.readIndex());
    await Promise.all([one.tier(), other.tier()]);
  }
  await one.publish();
  await one.tier();
  const manifest = cell.store.objects().get(manifestKey(one.replica.logName));
  const { segments } = decodeManifest(manifest?.body ?? new Uint8Array());
  for (const [index, { firstOffset }] of segments.entries()) {
    expect(firstOffset).toBeGreaterThanOrEqual(segments[index - 1]?.endOffset ?? 0);
  }
  expect(await cell.read()).toEqual(cell.expected);
  await cell.clock.advance(5_000);
  await one.tier();
  await cell.clock.advance(5_000);
  await one.tier();
  const named = new Set(segments.map(({ name }) => name));
  const prefix = segmentPrefix(one.replica.logName);
  const stored = [...cell.store.objects().keys()].filter((key) => key.startsWith(prefix));
  expect(new Set(stored)).toEqual(named);
});

test('each flipped byte of a segment is found, and none is served', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 3; round += 1) await cell.append(process, round, ['"some text"']);
  await process.publish();
  await process.tier();
  const [name, { body }] = [...cell.store.objects()].find(([key]) =>
    key.includes('/segments/'),
  ) ?? ['', { body: new Uint8Array() }];
  let served = 0;
  for (let at = 0; at < body.length; at += 1) {
    cell.store.corrupt(name, at);
    const read = await cell.read().then(
      (found) => found,
      (cause: unknown) => cause,
    );
    // Of a frame's head some bits, and of the skippable one's, say nothing about what is in it.
    if (!isProblem(read)) {
      expect(read).toEqual(cell.expected);
      served += 1;
    }
    cell.store.corrupt(name, at);
  }
  expect(served).toBeLessThan(16);
  expect(await cell.read()).toEqual(cell.expected);
}, 60_000);

test('a log is trimmed once its sessions are published, though nothing else happens', async () => {
  const cell = new Cell();
  const process = await cell.start({ everyMs: 5_000, segmentBytes: 1 << 20 });
  process.begin();
  for (let round = 0; round < 8; round += 1) await cell.append(process, round, ['"some text"']);
  await cell.clock.advance(12_000);
  expect(segmentsOf(cell)).toHaveLength(1);
  expect(cell.logStart(process.replica.shard)).toBe(0n);
  await process.publish();
  await cell.clock.advance(12_000);
  expect(cell.logStart(process.replica.shard)).toBeGreaterThan(0n);
});

test('what lay there before anybody listened is archived to its end, though nothing is added', async () => {
  const cell = new Cell();
  const before = await cell.start();
  const body = `"${'text '.repeat(2_000)}"`;
  for (let round = 0; round < 250; round += 1) await cell.append(before, round % 3, [body]);
  // Who opens the shard has none of it to fold.
  await before.publish();
  const process = await cell.start({ everyMs: 20_000, segmentBytes: 800_000 });
  process.begin();
  await process.replica.foldAll();
  await cell.clock.advance(60_000);
  const key = manifestKey(process.replica.logName);
  const manifest = cell.store.objects().get(key)?.body ?? new Uint8Array();
  expect(decodeManifest(manifest).endOffset).toBe(Number(process.replica.fold.position));
});

describe('whatever call fails', () => {
  const kinds: readonly FaultKind[] = ['before', 'lost-request', 'lost-reply', 'late', 'twice'];
  test.each(kinds)('%s: nothing is lost or doubled', async (kind) => {
    const runs = await withEveryFault(async (faultAt) => {
      const cell = new Cell();
      const process = await cell.start();
      for (let round = 0; round < 8; round += 1) await cell.append(process, round, ['"a"', '"b"']);
      await process.publish();
      const { faults, hasFaulted } = faultAtCall(faultAt, kind);
      cell.store.setFaults(faults);
      const failed = await process.tier().then(
        () => undefined,
        (cause: unknown) => cause,
      );
      cell.store.setFaults();
      if (failed !== undefined && !isProblem(failed)) expect(failed).toHaveProperty('effect');
      expect(await cell.read()).toEqual(cell.expected);
      for (let round = 0; round < 8; round += 1) await cell.append(process, round, ['"c"']);
      await cell.clock.advance(10_000);
      await process.publish();
      await process.tier();
      await cell.clock.advance(10_000);
      expect(await cell.read()).toEqual(cell.expected);
      expect(cell.logStart(process.replica.shard)).toBeGreaterThan(0n);
      return hasFaulted() ? 'faulted' : 'clean';
    }, 40);
    expect(runs).toBeGreaterThan(4);
  });
});
