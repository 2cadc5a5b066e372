// Structures as Thrift's compact protocol has them, in which Parquet writes what it says about its bytes.
//
//   struct := (field value)* 0x00
//   field  := (delta << 4 | kind):u8            fields stand in the order of their numbers
//   list   := (size << 4 | kind):u8 | (0xf << 4 | kind):u8 size:varint
//   int    := zigzag varint     binary := size:varint bytes     bool := its kind in the field

import { GrowingBytes } from './growing-bytes.ts';

export type Value =
  | { readonly kind: 'int32' | 'int64'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'binary'; readonly value: Uint8Array }
  | { readonly kind: 'struct'; readonly value: Fields }
  | { readonly kind: 'list'; readonly value: readonly Value[] };

/** By their numbers; those that are undefined are left out. */
export type Fields = Readonly<Record<number, Value | undefined>>;

const kinds = { int32: 5, int64: 6, binary: 8, list: 9, struct: 12 } as const;
const [isTrue, isFalse] = [1, 2];

export const int32 = (value: number): Value => ({ kind: 'int32', value });
export const int64 = (value: number): Value => ({ kind: 'int64', value });
export const bool = (value: boolean): Value => ({ kind: 'bool', value });
export const binary = (value: string | Uint8Array): Value => ({
  kind: 'binary',
  value: typeof value === 'string' ? Buffer.from(value) : value,
});
export const struct = (value: Fields): Value => ({ kind: 'struct', value });
/** Of one kind, and none of them a bool. */
export const list = (value: readonly Value[]): Value => ({ kind: 'list', value });

export function encodeStruct(fields: Fields): Buffer {
  const out = new GrowingBytes(256);
  writeFields(out, fields);
  return out.bytes;
}

function writeFields(out: GrowingBytes, fields: Fields): void {
  let last = 0;
  for (const [number, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const delta = Number(number) - last;
    last = Number(number);
    out.byte((delta << 4) | kindOf(value));
    writeValue(out, value);
  }
  out.byte(0);
}

function kindOf(value: Value): number {
  if (value.kind !== 'bool') return kinds[value.kind];
  return value.value ? isTrue : isFalse;
}

function writeValue(out: GrowingBytes, { kind, value }: Value): void {
  switch (kind) {
    case 'bool':
      return;
    case 'int32':
    case 'int64':
      out.varint(value < 0 ? -2 * value - 1 : 2 * value);
      return;
    case 'binary':
      out.varint(value.length);
      out.append(value);
      return;
    case 'struct':
      writeFields(out, value);
      return;
    case 'list':
      writeList(out, value);
  }
}

function writeList(out: GrowingBytes, values: readonly Value[]): void {
  const [first] = values;
  const kind = first === undefined ? kinds.struct : kindOf(first);
  if (values.length < 15) {
    out.byte((values.length << 4) | kind);
  } else {
    out.byte(0xf0 | kind);
    out.varint(values.length);
  }
  for (const value of values) writeValue(out, value);
}
