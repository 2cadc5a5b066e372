// Small numbers, as Parquet packs them: those that repeat once with their count, others in groups of eight.
//
//   runs   := (repeat | packed)*
//   repeat := (count << 1):varint value                      in as many whole bytes as `bits` take
//   packed := (groups << 1 | 1):varint value{8 * groups}     of `bits` bits each, the lowest first

import { GrowingBytes } from './growing-bytes.ts';

const groupSize = 8;

export const bitsFor = (countOfValues: number): number =>
  countOfValues <= 1 ? 1 : 32 - Math.clz32(countOfValues - 1);

export function encodeRuns(values: Uint32Array, bits: number): Buffer {
  const out = new GrowingBytes(64);
  let packedFrom = 0;
  let at = 0;
  while (at < values.length) {
    const repeats = repeatsAt(values, at);
    // Whole groups come before what repeats, so that only the last group is filled up.
    const head = (groupSize - ((at - packedFrom) % groupSize)) % groupSize;
    if (repeats - head < 2 * groupSize) {
      at += repeats;
      continue;
    }
    writePacked(out, values.subarray(packedFrom, at + head), bits);
    writeRepeat(out, { value: values[at] ?? 0, count: repeats - head }, bits);
    at += repeats;
    packedFrom = at;
  }
  writePacked(out, values.subarray(packedFrom), bits);
  return out.bytes;
}

function repeatsAt(values: Uint32Array, at: number): number {
  let end = at + 1;
  while (end < values.length && values[end] === values[at]) end += 1;
  return end - at;
}

function writeRepeat(
  out: GrowingBytes,
  { value, count }: { readonly value: number; readonly count: number },
  bits: number,
): void {
  out.varint(count * 2);
  for (let shift = 0; shift < bits; shift += 8) out.byte((value >>> shift) & 0xff);
}

function writePacked(out: GrowingBytes, values: Uint32Array, bits: number): void {
  if (values.length === 0) return;
  const groups = Math.ceil(values.length / groupSize);
  out.varint(groups * 2 + 1);
  let held = 0;
  let heldBits = 0;
  for (let index = 0; index < groups * groupSize; index += 1) {
    // At most 20 bits a value and 7 that are left: no more than a number's 32.
    held |= (values[index] ?? 0) << heldBits;
    heldBits += bits;
    for (; heldBits >= 8; heldBits -= 8) {
      out.byte(held & 0xff);
      held >>>= 8;
    }
  }
}
