/** What BM25 asks of a whole index. Sums over parts of it are exact: they are sums of integers. */
export interface Statistics {
  readonly documents: number;
  /** Those that have any term: a document without one is none to BM25. */
  readonly counted: number;
  readonly lengthTotal: number;
}

export const noDocuments: Statistics = { documents: 0, counted: 0, lengthTotal: 0 };

export function addStatistics(one: Statistics, other: Statistics, sign: 1 | -1 = 1): Statistics {
  return {
    documents: one.documents + sign * other.documents,
    counted: one.counted + sign * other.counted,
    lengthTotal: one.lengthTotal + sign * other.lengthTotal,
  };
}

export function statisticsOf(
  lengths: ArrayLike<number>,
  { start, end }: { readonly start: number; readonly end: number },
): Statistics {
  let counted = 0;
  let lengthTotal = 0;
  for (let at = start; at < end; at += 1) {
    const length = lengths[at] as number;
    if (length > 0) counted += 1;
    lengthTotal += length;
  }
  return { documents: end - start, counted, lengthTotal };
}
