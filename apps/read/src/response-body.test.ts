import { wholeRange } from '@tidemark/replica';
import { bytesOf, concatBytes } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodyOfBegun, bodyOfRange } from './response-body.ts';

const part = fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 });

test('a range that comes while it is sent is sent as one that was there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 2 }), fc.boolean(), async (parts, isJson) => {
      const served = parts.map((events) =>
        events.map((event) => bytesOf(isJson ? `${event},` : event)),
      );
      const range = { endPosition: 0, endSeq: 0, split: () => [] };
      const there = bodyOfRange({ ...range, bodies: served.flat() }, isJson);
      const [bodies = [], ...rest] = served;
      const later = async function* () {
        yield* rest;
      };
      const laterBytes = rest.flat().reduce((sum, { length }) => sum + length, 0);
      const begun = { ...wholeRange({ ...range, bodies }), laterBytes, later };
      const coming = bodyOfBegun(begun, isJson);
      const pieces = [...coming.pieces];
      for await (const more of coming.later) pieces.push(...more);
      expect(concatBytes(pieces)).toEqual(concatBytes(there.pieces));
      expect(coming.lengthBytes).toBe(there.lengthBytes);
      expect(coming.lengthBytes).toBe(concatBytes(pieces).length);
    }),
  );
});
