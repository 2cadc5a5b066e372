import type { DocRange } from './doc-ranges.ts';
import { type DocumentPage, errorFlag, facetNames } from './document-page.ts';
import type { Documents } from './documents.ts';
import { nameOfSession } from './session-key.ts';

export type FilterField = (typeof facetNames)[number] | 'session';

/**
 * What an event has to be. Of one field any of the values will do, of several fields all have to hold; what is
 * excluded must not hold.
 */
export type Filter =
  | {
      readonly kind: 'value';
      readonly field: FilterField;
      /** In lower case, but for sessions. */
      readonly value: string;
      readonly isPrefix: boolean;
      readonly isExcluded: boolean;
    }
  | { readonly kind: 'error'; readonly isError: boolean }
  /** Half-open. */
  | { readonly kind: 'time'; readonly fromMs: number; readonly endMs: number };

type ValueFilter = Extract<Filter, { readonly kind: 'value' }>;

const isValue = (filter: Filter): filter is ValueFilter => filter.kind === 'value';

const holds = ({ value, isPrefix }: ValueFilter, actual: string): boolean =>
  isPrefix ? actual.startsWith(value) : actual === value;

/** Whether the filters of one field let a value through. */
function lets(filters: readonly ValueFilter[], actual: string): boolean {
  const wanted = filters.filter(({ isExcluded }) => !isExcluded);
  if (wanted.length > 0 && !wanted.some((filter) => holds(filter, actual))) return false;
  return !filters.some((filter) => filter.isExcluded && holds(filter, actual));
}

/** Clears the marks, one a document of the range, of those that a filter keeps out. */
export function clearFiltered(
  documents: Documents,
  filters: readonly Filter[],
  { range, marks }: { readonly range: DocRange; readonly marks: Uint8Array },
): void {
  const values = filters.filter(isValue);
  const ofSession = values.filter(({ field }) => field === 'session');
  for (let index = documents.pageFrom(range.firstDoc); index < documents.pages; index += 1) {
    const { firstDoc, endDoc } = documents.rangeOfPage(index);
    if (firstDoc >= range.endDoc) return;
    const start = Math.max(firstDoc, range.firstDoc);
    const end = Math.min(endDoc, range.endDoc);
    if (start >= end) continue;
    if (!lets(ofSession, nameOfSession(documents.sessionOfPage(index)))) {
      marks.fill(0, start - range.firstDoc, end - range.firstDoc);
      continue;
    }
    const keeps = keeper(documents.page(index), filters);
    for (let document = start; document < end; document += 1) {
      if (!keeps(document - firstDoc)) marks[document - range.firstDoc] = 0;
    }
  }
}

/** Asks of each value of a page's facets once, and of its documents by the value's number. */
function keeper(page: DocumentPage, filters: readonly Filter[]): (at: number) => boolean {
  const { facets, flags, times } = page;
  const checks: ((at: number) => boolean)[] = [];
  for (const field of facetNames) {
    const ofField = filters.filter(isValue).filter((filter) => filter.field === field);
    if (ofField.length === 0) continue;
    const { values, ids } = facets[field];
    const kept = values.map((value) => lets(ofField, value));
    checks.push((at) => kept[ids[at] as number] === true);
  }
  for (const filter of filters) {
    if (filter.kind === 'error') {
      checks.push((at) => (((flags[at] as number) & errorFlag) !== 0) === filter.isError);
    } else if (filter.kind === 'time') {
      checks.push((at) => {
        const timeMs = times[at] as number;
        return timeMs >= filter.fromMs && timeMs < filter.endMs;
      });
    }
  }
  return (at) => checks.every((check) => check(at));
}
