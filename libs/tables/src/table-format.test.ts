import { crc32 } from 'node:zlib';
import { bytesOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { ByteWriter } from './byte-buffers.ts';
import { compressBlock, readBlock, writeEntry } from './table-format.ts';

test('a block takes the memory that it is counted with, and no more', () => {
  const writer = new ByteWriter();
  writeEntry(writer, { key: bytesOf('a'), value: bytesOf('one') });
  const entries = writer.take();
  const stored = compressBlock(entries);
  expect(stored.buffer.byteLength).toBe(stored.length);
  const block = readBlock(stored, { offset: 0, bytes: stored.length, crc32: crc32(stored) });
  // Its keys are views of its bytes.
  expect(block.entry(0).key.buffer.byteLength).toBe(entries.length);
});
