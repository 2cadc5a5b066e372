import { describe, expect, test } from 'vitest';
import { PastFold } from './past-fold.ts';
import { Cell, type CellProcess, nameOf } from './testing/cell.ts';

/** A shard of which more is folded than is published, and that nobody has needed for a while. */
async function foldedBehind(): Promise<{ readonly cell: Cell; readonly process: CellProcess }> {
  const cell = new Cell();
  const process = await cell.start();
  await cell.append(process, 0, ['1']);
  await process.publish();
  await cell.append(process, 0, ['2']);
  await cell.clock.advance(60_000);
  return { cell, process };
}

/** The same, closed, and how far it had been folded. */
async function closedBehind(): Promise<CellProcess & { readonly cell: Cell; offset: number }> {
  const { cell, process } = await foldedBehind();
  const offset = Number(process.replica.fold.position);
  process.replica.closeIfIdle(cell.clock.monotonicMs());
  expect(process.replica.isServing).toBe(false);
  return { ...process, cell, offset };
}

const tailOf = (held: Awaited<ReturnType<PastFold['hold']>>): number | undefined =>
  held[0]?.state.stream?.tailSeq;

describe('a shard that was closed begins with what is published', () => {
  test('and whoever holds a session without a word of how far sees that', async () => {
    const { replica, cell } = await closedBehind();
    expect(tailOf(await cell.clock.runUntil(replica.hold([nameOf(0)])))).toBe(1);
  });

  test('but is folded on for whoever had more of it', async () => {
    const { replica, cell, offset } = await closedBehind();
    const held = new PastFold(replica, offset).hold([nameOf(0)]);
    expect(tailOf(await cell.clock.runUntil(held))).toBe(2);
  });

  test('what the log does not have is refused, and nothing stays held', async () => {
    const { replica, cell, offset } = await closedBehind();
    const held = new PastFold(replica, offset + 1).hold([nameOf(0)]);
    await expect(cell.clock.runUntil(held)).rejects.toMatchObject({ code: 'unavailable' });
    expect(replica.fold.table.heldKeys()).toEqual([]);
  });
});

test('each session is held while it is looked at, and let go however that ends', async () => {
  const cell = new Cell();
  const process = await cell.start();
  const keys = [0, 1, 2].map(nameOf);
  for (const index of [0, 1, 2]) await cell.append(process, index, ['1']);
  const { replica } = process;
  const { table } = replica.fold;
  const fold = new PastFold(replica, Number(replica.fold.position));
  const seen: [string, boolean][] = [];
  for await (const { key } of fold.each(keys)) seen.push([key, table.heldKeys().includes(key)]);
  expect(seen).toEqual(keys.map((key) => [key, true]));
  expect(table.heldKeys()).toEqual([]);
  const failed = async (): Promise<void> => {
    for await (const { key } of fold.each(keys)) throw new RangeError(key);
  };
  await expect(failed()).rejects.toThrow(keys[0]);
  expect(table.heldKeys()).toEqual([]);
});

test('events are archived that came before their shard was closed, and are not lost to it', async () => {
  const { cell, process } = await foldedBehind();
  const { replica } = process;
  // The log is read for long, and nobody else needs the shard meanwhile.
  const read = process.log.read.bind(process.log);
  Object.assign(process.log, {
    async *read(...asked: Parameters<typeof read>) {
      for await (const chunk of read(...asked)) {
        replica.closeIfIdle(cell.clock.monotonicMs());
        yield chunk;
      }
    },
  });
  await process.tier();
  const other = await cell.start();
  await cell.read(other);
  await other.publish();
  await process.tier();
  expect(cell.logStart(replica.shard)).toBe(2n);
  expect(await cell.read()).toEqual(cell.expected);
});
