// Offsets of one session's consecutive events, ascending:
//
//   deltas := (offset - the one before) as an unsigned LEB128 varint, for each but the first
//
// and nothing where the events lie next to one another, as those of a lone writer do.

import { unsignedVarintBytes, VarintReader, writeUnsignedVarint } from '@tidemark/std';

export interface PackedOffsets {
  readonly first: number;
  readonly count: number;
  readonly deltas: Uint8Array;
}

const nothing = new Uint8Array(0);

export function packOffsets(offsets: readonly number[]): PackedOffsets {
  const first = offsets[0] ?? 0;
  let bytes = 0;
  let isDense = true;
  for (let index = 1; index < offsets.length; index += 1) {
    const delta = (offsets[index] as number) - (offsets[index - 1] as number);
    isDense &&= delta === 1;
    bytes += unsignedVarintBytes(delta);
  }
  if (isDense) return { first, count: offsets.length, deltas: nothing };
  const deltas = new Uint8Array(bytes);
  let at = 0;
  for (let index = 1; index < offsets.length; index += 1) {
    const delta = (offsets[index] as number) - (offsets[index - 1] as number);
    at = writeUnsignedVarint(deltas, at, delta);
  }
  return { first, count: offsets.length, deltas };
}

export function unpackOffsets({ first, count, deltas }: PackedOffsets): number[] {
  const offsets: number[] = [];
  const reader = new VarintReader(deltas);
  let offset = first;
  for (let index = 0; index < count; index += 1) {
    if (index > 0) offset += deltas.length === 0 ? 1 : reader.nextUnsigned();
    offsets.push(offset);
  }
  return offsets;
}
