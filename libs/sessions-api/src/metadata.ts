import { limits } from '@tidemark/protocol';
import { isFields, malformed } from './fields.ts';

const queryName = /^metadata\[(.+)\]$/;

/** `metadata[key]=value` of a query. */
export const metadataIn = (query: URLSearchParams): (readonly [key: string, value: string])[] =>
  [...query].flatMap(([name, value]) => {
    const key = queryName.exec(name)?.[1];
    return key === undefined ? [] : [[key, value] as const];
  });

/** Of a patch, null deletes. */
export function metadataOf(
  value: unknown,
  place: string,
  isPatch?: true,
): Record<string, string | null> {
  if (value === undefined || value === null) return {};
  if (!isFields(value)) throw malformed(`${place} is an object of texts`);
  const pairs = Object.entries(value);
  if (pairs.length > limits.metadataPairsMax && isPatch === undefined) {
    throw malformed(`${place} has at most ${limits.metadataPairsMax} pairs`);
  }
  return Object.fromEntries(
    pairs.map(([key, text]) => {
      if (key.length > limits.metadataKeyCharsMax || key === '') {
        throw malformed(`a key of ${place} has 1 to ${limits.metadataKeyCharsMax} characters`);
      }
      if (text === null && isPatch) return [key, null];
      if (typeof text !== 'string') throw malformed(`${place}.${key} is text`);
      if (text.length > limits.metadataValueCharsMax) {
        throw malformed(`${place}.${key} has at most ${limits.metadataValueCharsMax} characters`);
      }
      return [key, text];
    }),
  );
}

export function patchMetadata(
  metadata: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const next = new Map(Object.entries(metadata));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  if (next.size > limits.metadataPairsMax) {
    throw malformed(`metadata has at most ${limits.metadataPairsMax} pairs`);
  }
  return Object.fromEntries(next);
}
