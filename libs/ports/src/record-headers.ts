// A record's headers as one block, in the bytes that Kafka's record format gives them:
//
//   headers := count:varint header*
//   header  := name-bytes:varint name value-bytes:varint value      (zigzag varints, ASCII)
//
// So the block is built once, where the record is decided, and copied as it is into whichever log.

import { bytesOf, textOf, VarintReader, varintBytes, writeVarint } from '@tidemark/std';

export type Header = readonly [name: string, value: string];

export const noHeaders: Uint8Array = Uint8Array.of(0);

export function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const parts = headers.flat().map(bytesOf);
  let lengthBytes = varintBytes(headers.length);
  for (const part of parts) lengthBytes += varintBytes(part.length) + part.length;
  const block = new Uint8Array(lengthBytes);
  let at = writeVarint(block, 0, headers.length);
  for (const part of parts) {
    at = writeVarint(block, at, part.length);
    block.set(part, at);
    at += part.length;
  }
  return block;
}

/** Throws a RangeError on a block that is not well formed. */
export function decodeHeaders(block: Uint8Array): Header[] {
  const reader = new VarintReader(block);
  const count = reader.next();
  if (count < 0 || count > block.length) throw new RangeError('header count out of range');
  return Array.from({ length: count }, () => {
    const name = textOf(reader.take(reader.next()));
    return [name, textOf(reader.take(reader.next()))] as const;
  });
}
