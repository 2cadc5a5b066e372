/** Texts in the order of their UTF-8 bytes, which is that of their characters, not of their UTF-16 units. */
export function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const difference = one.charCodeAt(at) - other.charCodeAt(at);
    if (difference !== 0) return differenceOf(one.charCodeAt(at), other.charCodeAt(at));
  }
  return one.length - other.length;
}

/** A half of a pair stands for a character beyond all that are whole. */
function differenceOf(one: number, other: number): number {
  const isPair = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;
  return isPair(one) === isPair(other) ? one - other : isPair(one) ? 1 : -1;
}
