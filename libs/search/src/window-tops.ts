// What bounds the postings of a list in each of its windows, whatever the statistics: the shortest lengths, as codes,
// of those that stand once, twice, three or four times, and more often in a document, and how often at most.

import { Pace } from '@tidemark/std';
import type { Documents } from './documents.ts';
import { lengthCodeBits, noLengthCode } from './length-codes.ts';
import {
  frequencyBits,
  frequencyMax,
  topBytes,
  type WindowedList,
  windowDocuments,
} from './windowed-list.ts';

/** Of a window: codes by classes of frequencies, and behind them the highest frequency. */
const classesEnd = topBytes - 1;
const classOf: Uint8Array = Uint8Array.from({ length: frequencyMax + 1 }, (_, frequency) => {
  if (frequency <= 2) return Math.max(0, frequency - 1);
  return frequency <= 4 ? 2 : 3;
});
/** Postings that are looked at in one go: about a millisecond. */
const stepPostings = 256 * 1_024;

/** Of a list all of whose documents are at hand. */
export async function topsOf(
  list: WindowedList,
  documents: Documents,
  rest: () => Promise<void>,
): Promise<Uint8Array> {
  const { starts, windows } = list;
  const tops = new Uint8Array(topBytes * windows.length).fill(noLengthCode);
  const pace = new Pace(rest, stepPostings);
  for (let window = 0; window < windows.length; window += 1) {
    const top = tops.subarray(topBytes * window, topBytes * (window + 1));
    setTop(top, { list, window, documents });
    await pace.done((starts[window + 1] as number) - (starts[window] as number));
  }
  return tops;
}

/** The most that any posting of a window is given, by what a term gives to frequencies and codes. */
export function unitsInWindow(tops: Uint8Array, window: number, units: Uint16Array): number {
  const top = topBytes * window;
  const highest = tops[top + classesEnd] as number;
  return Math.max(
    units[(1 << lengthCodeBits) | (tops[top] as number)] as number,
    units[(2 << lengthCodeBits) | (tops[top + 1] as number)] as number,
    units[(4 << lengthCodeBits) | (tops[top + 2] as number)] as number,
    units[(highest << lengthCodeBits) | (tops[top + 3] as number)] as number,
  );
}

function setTop(
  top: Uint8Array,
  {
    list: { windows, starts, postings },
    window,
    documents: { lengthCodes, range },
  }: { readonly list: WindowedList; readonly window: number; readonly documents: Documents },
): void {
  const first = (windows[window] as number) * windowDocuments - range.firstDoc;
  const end = starts[window + 1] as number;
  let highest = 0;
  for (let at = starts[window] as number; at < end; at += 1) {
    const posting = postings[at] as number;
    const frequency = posting & frequencyMax;
    const code = lengthCodes[first + (posting >>> frequencyBits)] as number;
    const kind = classOf[frequency] as number;
    if (code < (top[kind] as number)) top[kind] = code;
    if (frequency > highest) highest = frequency;
  }
  top[classesEnd] = highest;
}
