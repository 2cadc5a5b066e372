import type { RawBody } from '@tidemark/edge';
import type { EventRange } from '@tidemark/replica';

const openBracket = Uint8Array.of(0x5b);
const closeBracket = Uint8Array.of(0x5d);
const emptyArray = Uint8Array.of(0x5b, 0x5d);

/** What is sent for a range: nothing is copied. */
export function bodyOfRange({ bodies }: EventRange, isJson: boolean): RawBody {
  if (!isJson) return measured(bodies);
  const last = bodies.at(-1);
  if (last === undefined) return measured([emptyArray]);
  // Every event ends with a comma; the array has none behind its last.
  return measured([openBracket, ...bodies.slice(0, -1), last.subarray(0, -1), closeBracket]);
}

export const emptyBody = (isJson: boolean): RawBody => measured(isJson ? [emptyArray] : []);

function measured(pieces: readonly Uint8Array[]): RawBody {
  let lengthBytes = 0;
  for (const { length } of pieces) lengthBytes += length;
  return { pieces, lengthBytes };
}
