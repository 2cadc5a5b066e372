const lineEnd = Buffer.from('\r\n');

const headOf = (bytes: number): Buffer => Buffer.from(`${bytes.toString(16)}\r\n`);

/** The bytes as a chunk of HTTP/1.1's chunked encoding, in one piece: a piece is a write. */
export const chunkOf = (bytes: Uint8Array): Buffer =>
  Buffer.concat([headOf(bytes.length), bytes, lineEnd]);

/** What `chunkOf` was made of. */
export const bytesOfChunk = (chunk: Buffer): Buffer =>
  chunk.subarray(chunk.indexOf(lineEnd) + lineEnd.length, -lineEnd.length);

/** The pieces as one chunk, and nothing of them copied. */
export function chunkPieces(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return [headOf(bytes), ...pieces, lineEnd];
}
