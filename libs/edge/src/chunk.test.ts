import { expect, test } from 'vitest';
import { bytesOfChunk, chunkOf, chunkPieces } from './chunk.ts';

test('a chunk carries its length, and gives back what it was made of', () => {
  for (const text of ['', 'x', 'data:a\r\n\r\nb', 'y'.repeat(70_000)]) {
    const chunk = chunkOf(Buffer.from(text));
    expect(chunk.toString().startsWith(`${Buffer.byteLength(text).toString(16)}\r\n`)).toBe(true);
    expect(bytesOfChunk(chunk).toString()).toBe(text);
  }
});

test('a chunk of pieces is the chunk of what they are together', () => {
  const pieces = ['data:', 'ab', '\r\n'].map((text) => Buffer.from(text));
  expect(Buffer.concat(chunkPieces(pieces))).toEqual(chunkOf(Buffer.concat(pieces)));
});
