import { bytesOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { type LineBounds, orderedLines } from './ordered-lines.ts';
import { SegmentWriter } from './segment-writer.ts';
import { everyLine, lineHead } from './wanted-lines.ts';

const sessions = 5;
const rounds = 400;

/** Sessions that take turns in the log; a line of half a KiB, which no frame holds more than 130 of. */
function written() {
  const range = {
    shard: 't/0',
    logEpoch: 'e',
    firstOffset: 0n,
    endOffset: BigInt(sessions * rounds),
  };
  const writer = new SegmentWriter(range);
  for (let session = 0; session < sessions; session += 1) {
    const lines = Array.from({ length: rounds }, (_, seq) => {
      const offset = seq * sessions + session;
      const rest = `"tenant":"t","session":"s${session}","seq":${seq},"offset":${offset}`;
      return bytesOf(`{${rest},"event":"${String(Math.sin(offset)).repeat(25)}"}\n`);
    });
    writer.addLines({ key: `s${session}`, tag: 't', firstSeq: 0, lines });
  }
  return writer.finish();
}

async function read(bounds: Partial<LineBounds>, wantedSessions: readonly number[]) {
  const { body, directory, footerStart, events, rawBytes } = written();
  const fetched: number[] = [];
  const source = {
    segment: {
      name: 'one',
      firstOffset: 0,
      endOffset: sessions * rounds,
      bytes: body.length,
      ...{ footerStart, events, rawBytes, firstMs: 0, lastMs: 0 },
    },
    directory,
    sessions: directory.sessions
      .filter((_, index) => wantedSessions.includes(index))
      .map((session) => ({
        session,
        head: lineHead('t', session.key),
        keptAs: (line: Buffer) => line,
      })),
    wanted: everyLine,
    fromOffset: 0,
    toOffset: sessions * rounds,
    fetch: (firstByte: number, endByte: number) => {
      fetched.push(endByte - firstByte);
      return Promise.resolve(body.subarray(firstByte, endByte));
    },
  };
  const all = { windowBytes: 1 << 30, keptBytes: 1 << 30, fetchBytes: 1 << 30, ...bounds };
  const windows: number[][] = [];
  for await (const window of orderedLines(source, all)) {
    windows.push(window.map(({ offset }) => offset));
    for (const { offset, line } of window) expect(String(line)).toContain(`"offset":${offset},`);
  }
  return { windows, fetched, footerStart };
}

const everyOffset = Array.from({ length: sessions * rounds }, (_, offset) => offset);

test('lines come in the order of the log, in windows that are bounded', async () => {
  const { windows, fetched } = await read({ windowBytes: 50_000 }, [0, 1, 2, 3, 4]);
  expect(windows.flat()).toEqual(everyOffset);
  expect(windows.length).toBeGreaterThan(10);
  expect(Math.max(...windows.map(({ length }) => length))).toBeLessThan(150);
  expect(fetched).toHaveLength(1);
});

test('frames that are not kept are fetched again for each window, in requests of a bounded size', async () => {
  const bounds = { windowBytes: 300_000, keptBytes: 0, fetchBytes: 100_000 };
  const { windows, fetched, footerStart } = await read(bounds, [0, 1, 2, 3, 4]);
  expect(windows.flat()).toEqual(everyOffset);
  const total = fetched.reduce((sum, bytes) => sum + bytes, 0);
  expect(total).toBeGreaterThan(footerStart);
  expect(Math.max(...fetched)).toBeLessThanOrEqual(100_000);
});

test('of sessions that are not wanted no frame is fetched', async () => {
  const { windows, fetched, footerStart } = await read({}, [4]);
  expect(windows.flat()).toEqual(everyOffset.filter((offset) => offset % sessions === 4));
  expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(footerStart / 3);
});
