import { searchLimits } from './search-limits.ts';

const blobAlphabet = /^[\w+/-]+$/;
/** In text something joins the words of a long chunk more often. */
const blobRunCharsMin = 24;

/** Whether a chunk is encoded bytes rather than words. */
export function isBlob(chunk: string): boolean {
  if (chunk.length < searchLimits.blobCharsMin) return false;
  if (!blobAlphabet.test(chunk) || !/\d/.test(chunk) || !/[a-z]/i.test(chunk)) return false;
  const joins = chunk.length - chunk.replaceAll(/[+/_-]/g, '').length;
  return joins * blobRunCharsMin <= chunk.length;
}
