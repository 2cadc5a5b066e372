/** Documents of one index, half-open. */
export interface DocRange {
  readonly firstDoc: number;
  readonly endDoc: number;
}

/** In order, and apart from one another. */
export type DocRanges = readonly DocRange[];

export const noDocs: DocRanges = [];

/** In order and apart, of any. */
export function joined(ranges: Iterable<DocRange>): DocRanges {
  const sorted = [...ranges]
    .filter(({ firstDoc, endDoc }) => firstDoc < endDoc)
    .sort((one, other) => one.firstDoc - other.firstDoc);
  const apart: DocRange[] = [];
  for (const range of sorted) {
    const last = apart.at(-1);
    if (last === undefined || range.firstDoc > last.endDoc) apart.push(range);
    else apart[apart.length - 1] = { ...last, endDoc: Math.max(last.endDoc, range.endDoc) };
  }
  return apart;
}

export function isWithin(ranges: DocRanges, document: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] as DocRange).endDoc <= document) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && (ranges[low] as DocRange).firstDoc <= document;
}
