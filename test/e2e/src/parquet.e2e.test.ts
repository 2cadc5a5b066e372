// What another engine reads of a Parquet file is what was put into it, value by value and type by type.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Cell, type Column, ParquetWriter } from '@tidemark/parquet';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

const columns: readonly Column[] = [
  { name: 'label', kind: 'label' },
  { name: 'note', kind: 'label', isOptional: true },
  { name: 'seq', kind: 'whole' },
  { name: 'time', kind: 'time' },
  { name: 'text', kind: 'text', isOptional: true },
  { name: 'event', kind: 'json', isOptional: true },
  { name: 'raw', kind: 'bytes', isOptional: true },
];

let folder = '';
let files = 0;
let instance: DuckDBInstance;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-parquet-'));
  instance = await DuckDBInstance.create();
});

async function query(sql: string): Promise<readonly unknown[][]> {
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowsJson();
  connection.closeSync();
  return rows;
}

async function written(rows: readonly (readonly Cell[])[]): Promise<string> {
  const writer = new ParquetWriter(columns);
  for (const row of rows) writer.add(row);
  // One name for all would let a test that has timed out write into the file of the next.
  files += 1;
  const file = join(folder, `${files}.parquet`);
  await writeFile(file, Buffer.concat([...writer.take(), ...writer.end()]));
  return file;
}

const wholes = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });
const rowsOf: fc.Arbitrary<Cell[][]> = fc.array(
  fc.tuple(
    fc.constantFrom('a', 'b', 'süß', ''),
    fc.option(fc.constantFrom('x', 'y')),
    wholes,
    fc.integer({ min: 0, max: 4_102_444_800_000 }),
    fc.option(fc.string({ unit: 'grapheme' })),
    fc.option(fc.json()),
    fc.option(fc.uint8Array({ maxLength: 12 })),
  ),
  { maxLength: 60 },
);

test('DuckDB reads what was written', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, fc.nat({ max: 40 }), async (some, times) => {
      const rows = [...some, ...Array.from({ length: times }, () => some[0] ?? [])].filter(
        ({ length }) => length > 0,
      );
      const file = await written(rows);
      const found = await query(
        `SELECT label, note, seq::VARCHAR, epoch_ms(time)::VARCHAR, text, event::VARCHAR, hex(raw)
         FROM read_parquet('${file}')`,
      );
      expect(found).toEqual(
        rows.map(([label, note, seq, time, text, event, raw]) => [
          label,
          note,
          String(seq),
          String(time),
          text,
          event,
          raw === null
            ? null
            : Buffer.from(raw as Uint8Array)
                .toString('hex')
                .toUpperCase(),
        ]),
      );
    }),
    { numRuns: 60 },
  );
}, 300_000);

test('many rows are several groups, with bounds that a filter is answered from', async () => {
  const rows = Array.from({ length: 300_000 }, (_, seq): Cell[] => [
    `s${Math.floor(seq / 1_000)}`,
    seq % 3 === 0 ? null : `n${(seq * 7_919) % 70_001}`,
    seq,
    1_700_000_000_000 + seq,
    null,
    `{"n":${seq}}`,
    null,
  ]);
  const file = await written(rows);
  expect(
    await query(
      `SELECT count(*)::INTEGER, sum(seq)::VARCHAR, count(DISTINCT label)::INTEGER, count(note)::INTEGER,
       count(DISTINCT note)::INTEGER FROM '${file}'`,
    ),
  ).toEqual([[300_000, String((300_000 * 299_999) / 2), 300, 200_000, 70_001]]);
  expect(await query(`SELECT label, event->>'n' FROM '${file}' WHERE seq = 299123`)).toEqual([
    ['s299', '299123'],
  ]);
  expect(
    await query(
      `SELECT DISTINCT row_group_id::INTEGER FROM parquet_metadata('${file}') ORDER BY 1`,
    ),
  ).toEqual([[0], [1], [2]]);
  expect(
    await query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '${file}')`),
  ).toEqual([
    ['label', 'VARCHAR'],
    ['note', 'VARCHAR'],
    ['seq', 'BIGINT'],
    ['time', 'TIMESTAMP WITH TIME ZONE'],
    ['text', 'VARCHAR'],
    ['event', 'JSON'],
    ['raw', 'BLOB'],
  ]);
}, 300_000);

test('a file without a row is one', async () => {
  const file = await written([]);
  expect(await query(`SELECT count(*)::INTEGER FROM '${file}'`)).toEqual([[0]]);
});
