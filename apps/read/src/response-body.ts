import type { OngoingBody, RawBody } from '@tidemark/edge';
import type { BegunRange, EventRange } from '@tidemark/replica';

const openBracket = Uint8Array.of(0x5b);
const closeBracket = Uint8Array.of(0x5d);
const comma = Uint8Array.of(0x2c);
const emptyArray = Uint8Array.of(0x5b, 0x5d);

/** What is sent for a range: nothing is copied. */
export function bodyOfRange({ bodies }: EventRange, isJson: boolean): RawBody {
  if (!isJson) return measured(bodies);
  if (bodies.length === 0) return measured([emptyArray]);
  // Every event ends with a comma; the array has none behind its last.
  return measured([openBracket, ...withoutComma(bodies), closeBracket]);
}

/** As the whole range would be sent. */
export function bodyOfBegun(range: BegunRange, isJson: boolean): OngoingBody {
  const { bodies, laterBytes, later } = range;
  const whole = measured(bodies);
  const lengthBytes = whole.lengthBytes + laterBytes;
  if (!isJson) return { pieces: bodies, lengthBytes, later: later() };
  // The comma behind the last event stands for one of the brackets.
  const pieces = [openBracket, ...withoutComma(bodies)];
  return { pieces, lengthBytes: lengthBytes + 1, later: laterOfArray(later()) };
}

async function* laterOfArray(
  later: AsyncIterable<readonly Uint8Array[]>,
): AsyncGenerator<readonly Uint8Array[]> {
  for await (const bodies of later) yield [comma, ...withoutComma(bodies)];
  yield [closeBracket];
}

/** What was sent before is followed by the comma that it had. */
function withoutComma(bodies: readonly Uint8Array[]): readonly Uint8Array[] {
  const last = bodies.at(-1);
  return last === undefined ? [] : [...bodies.slice(0, -1), last.subarray(0, -1)];
}

export const emptyBody = (isJson: boolean): RawBody => measured(isJson ? [emptyArray] : []);

function measured(pieces: readonly Uint8Array[]): RawBody {
  let lengthBytes = 0;
  for (const { length } of pieces) lengthBytes += length;
  return { pieces, lengthBytes };
}
