// Offsets of one session's consecutive events, ascending:
//
//   deltas := (offset - the one before) as an unsigned LEB128 varint, for each but the first
//
// and nothing where the events lie next to one another, as those of a lone writer do.

const moreBit = 0x80;
const lowBits = 0x7f;

export interface PackedOffsets {
  readonly first: number;
  readonly count: number;
  readonly deltas: Uint8Array;
}

const nothing = new Uint8Array(0);

function varintLength(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > lowBits; rest = Math.floor(rest / moreBit)) bytes += 1;
  return bytes;
}

export function packOffsets(offsets: readonly number[]): PackedOffsets {
  const first = offsets[0] ?? 0;
  let bytes = 0;
  let isDense = true;
  for (let index = 1; index < offsets.length; index += 1) {
    const delta = (offsets[index] as number) - (offsets[index - 1] as number);
    isDense &&= delta === 1;
    bytes += varintLength(delta);
  }
  if (isDense) return { first, count: offsets.length, deltas: nothing };
  const deltas = new Uint8Array(bytes);
  let at = 0;
  for (let index = 1; index < offsets.length; index += 1) {
    let rest = (offsets[index] as number) - (offsets[index - 1] as number);
    for (; rest > lowBits; rest = Math.floor(rest / moreBit)) {
      deltas[at] = (rest % moreBit) | moreBit;
      at += 1;
    }
    deltas[at] = rest;
    at += 1;
  }
  return { first, count: offsets.length, deltas };
}

export function unpackOffsets({ first, count, deltas }: PackedOffsets): number[] {
  const offsets: number[] = [];
  let offset = first;
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (index > 0 && deltas.length === 0) offset += 1;
    else if (index > 0) {
      const { delta, end } = deltaAt(deltas, at);
      offset += delta;
      at = end;
    }
    offsets.push(offset);
  }
  return offsets;
}

function deltaAt(deltas: Uint8Array, start: number): { delta: number; end: number } {
  let delta = 0;
  let scale = 1;
  for (let at = start; ; at += 1) {
    const byte = deltas[at];
    if (byte === undefined) throw new RangeError('truncated offsets');
    delta += (byte & lowBits) * scale;
    if (byte < moreBit) return { delta, end: at + 1 };
    scale *= moreBit;
  }
}
