// Records that lie in many files or in a table, read as if they were lines of one: the place of a record is
// its number.

import { digestOf } from '@tidemark/agent-formats';
import type { OpenedFile } from './line-file.ts';

export interface PlacedRecord {
  readonly id: string;
}

export function recordFile(records: readonly PlacedRecord[]): OpenedFile {
  return {
    size: records.length,
    head: (count = records.length) => {
      const ids = records.slice(0, count).map(({ id }) => id);
      return Promise.resolve({ bytes: ids.length, digest: digestOf(ids.join('\n'), 32) });
    },
    lines: async function* (from) {
      for (const [index, record] of records.slice(from).entries()) {
        yield await Promise.resolve({ text: JSON.stringify(record), endBytes: from + index + 1 });
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
