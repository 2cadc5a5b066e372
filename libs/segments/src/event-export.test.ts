// What is exported are the events that live, each once, in the order of the log: the same lines whether they are
// archived, merged or only in the log, and wherever an export was taken up again.

import { textOf } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ExportRequest, exportEvents } from './event-export.ts';
import { Cell, type CellProcess, nameOf, works } from './testing/cell.ts';
import { everyLine, type WantedLines } from './wanted-lines.ts';

interface ToldLine {
  readonly session: string;
  readonly seq: number;
  readonly offset: number;
  readonly type: string | null;
  readonly time: string;
}

const toldOf = (text: string): ToldLine => JSON.parse(text) as ToldLine;

interface Asked extends Partial<Pick<ExportRequest, 'from' | 'to' | 'takesKey'>> {
  readonly wanted?: Partial<WantedLines>;
}

/** Lines, and the offsets that one may go on from. */
async function exported(
  { clock }: Cell,
  { replica, log, archive }: CellProcess,
  { from = 0, to, wanted, takesKey = () => true }: Asked = {},
): Promise<{ readonly lines: readonly string[]; readonly ends: readonly number[] }> {
  await clock.runUntil(replica.readIndex());
  const request = {
    replica,
    from,
    to: to ?? Number(replica.fold.position),
    wanted: { ...everyLine, ...wanted },
    takesKey,
    takesSession: ({ life }: { readonly life: string }) => life === 'live',
  };
  const lines: string[] = [];
  const ends: number[] = [];
  const signal = new AbortController().signal;
  const all = (async () => {
    for await (const piece of exportEvents({ log, clock, archive }, request, signal)) {
      lines.push(...piece.lines.map(({ line }) => textOf(line)));
      ends.push(piece.endOffset, ...piece.lines.map(({ offset }) => offset + 1));
    }
  })();
  await clock.runUntil(all);
  return { lines, ends };
}

const countsOf = (lines: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const { session } = toldOf(line);
    counts[session] = (counts[session] ?? 0) + 1;
  }
  return counts;
};

test('each event that lives is exported once, in the order of the log, as it will be for ever', async () => {
  await fc.assert(
    fc.asyncProperty(works, fc.nat(), async (steps, cut) => {
      const cell = new Cell();
      const process = await cell.start();
      for (const step of steps) await cell.work(process, step);
      const { lines, ends } = await exported(cell, process);
      const sent = [...cell.sent].map(([name, events]) => [name, events.length] as const);
      expect(countsOf(lines)).toEqual(Object.fromEntries(sent.filter(([, count]) => count > 0)));
      const offsets = lines.map((line) => toldOf(line).offset);
      expect(offsets).toEqual([...new Set(offsets)].sort((one, other) => one - other));
      const at = ends[cut % ends.length] ?? 0;
      const before = lines.filter((_, index) => (offsets[index] ?? 0) < at);
      await process.publish();
      await process.tier();
      await cell.clock.advance(20_000);
      await process.tier();
      const other = await cell.start();
      expect((await exported(cell, other)).lines).toEqual(lines);
      const rest = await exported(cell, other, { from: at });
      expect([...before, ...rest.lines]).toEqual(lines);
      expect((await exported(cell, other, { to: at })).lines).toEqual(before);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test('filters take what they say, hot and cold', async () => {
  const cell = new Cell();
  const process = await cell.start();
  await cell.append(process, 0, [
    '{"type":"a"}',
    '{"type":"b\\""}',
    '{"n":1}',
    '"\\",\\"type\\":\\"a"',
  ]);
  await cell.clock.advance(5_000);
  await cell.append(process, 2, ['{"type":"a","n":2}']);
  const ask = async (asked: Asked): Promise<readonly string[]> =>
    (await exported(cell, process, asked)).lines.map(
      (line) => `${toldOf(line).session} ${toldOf(line).seq}`,
    );
  const laterMs = Date.parse(toldOf((await exported(cell, process)).lines[4] ?? '').time);
  for (const where of ['log', 'segments']) {
    if (where === 'segments') await process.tier();
    expect(await ask({ wanted: { types: new Set(['a']) } })).toEqual(['s/0 0', 's/2 0']);
    expect(await ask({ wanted: { types: new Set(['b"']) } })).toEqual(['s/0 1']);
    expect(await ask({ wanted: { fromMs: laterMs } })).toEqual(['s/2 0']);
    expect(await ask({ wanted: { toMs: laterMs } })).toHaveLength(4);
    expect(await ask({ wanted: { firstSeq: 1, endSeq: 3 } })).toEqual(['s/0 1', 's/0 2']);
    expect(await ask({ takesKey: (key) => key === nameOf(2) })).toEqual(['s/2 0']);
  }
});

test('what goes on while segments are merged and swept misses nothing', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 40; round += 1) {
    await cell.append(process, round % 4, [`"round ${round}"`]);
    await process.tier();
  }
  await process.publish();
  const { replica, log, archive } = process;
  const request = {
    replica,
    from: 0,
    to: Number(replica.fold.position),
    wanted: everyLine,
    takesKey: () => true,
    takesSession: () => true,
  };
  const found: string[] = [];
  const pieces = exportEvents(
    { log, clock: cell.clock, archive },
    request,
    new AbortController().signal,
  );
  for (;;) {
    const next = await cell.clock.runUntil(pieces.next());
    if (next.done === true) break;
    found.push(...next.value.lines.map(({ line }) => textOf(line)));
    await cell.clock.advance(2_000);
    await process.tier();
  }
  expect(found).toHaveLength(40);
  expect(found).toEqual((await exported(cell, await cell.start())).lines);
});

test('what somebody trimmed away before it was archived is told as lost', async () => {
  const cell = new Cell();
  const process = await cell.start();
  for (let round = 0; round < 3; round += 1) await cell.append(process, 0, [`"${round}"`]);
  const { shard, fold } = process.replica;
  await cell.clock.runUntil(process.log.trim(shard, fold.position - 1n));
  await expect(exported(cell, process)).rejects.toMatchObject({ code: 'corrupt' });
});
