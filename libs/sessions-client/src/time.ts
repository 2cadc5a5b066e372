import { parseTimestamp } from '@tidemark/protocol';

/** Of a time as the server tells it. */
export const timeMsOf = (text: string): number => parseTimestamp(text) ?? 0;
