const pattern = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Epoch milliseconds of an RFC 3339 timestamp; undefined where the text is none. */
export function parseTimestamp(text: string): number | undefined {
  const atMs = pattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isSafeInteger(atMs) && atMs >= 0 ? atMs : undefined;
}

export const timestampText = (atMs: number): string => new Date(atMs).toISOString();

/** As HTTP's `date` header has it. */
export const httpDate = (atMs: number): string => new Date(atMs).toUTCString();
