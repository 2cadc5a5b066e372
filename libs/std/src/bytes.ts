const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

export const emptyBytes: Uint8Array = new Uint8Array(0);

/** So few bytes lie on the heap, where they cost a tenth of memory of their own. */
const shortCharsMax = 64;
const scratch = new Uint8Array(3 * shortCharsMax);

export function bytesOf(text: string): Uint8Array {
  if (text.length > shortCharsMax) return encoder.encode(text);
  const { written } = encoder.encodeInto(text, scratch);
  return scratch.slice(0, written);
}

export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The text, or undefined where the bytes are not UTF-8. */
export function strictTextOf(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What zlib answers is a view of 64 KiB at the least: whoever keeps a smaller piece keeps this copy of it. */
export const ownBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let lengthBytes = 0;
  for (const part of parts) lengthBytes += part.length;
  const joined = new Uint8Array(lengthBytes);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 1) text += hexPairs[bytes[index] as number];
  return text;
}
