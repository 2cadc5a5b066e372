// What keeps a process from starting, said to whoever starts it: what it was about, why, and what
// can be done.

import { type FaultReason, isFault } from '@tidemark/ports';

export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';
}

const folderAdvice = 'or set TIDEMARK_DATA_DIR to another folder';
const folderReasons: Partial<Record<FaultReason, string>> = {
  full: `the disk is full: make room, ${folderAdvice}`,
  denied: `it may not be written: check its owner and whether the file system is read-only, ${folderAdvice}`,
  // Also of a read-only file system: so Node tells of making a folder with those above it.
  missing: `it cannot be made: check whether what it lies in is there and not read-only, ${folderAdvice}`,
  locked: `another process uses it: stop that one, ${folderAdvice}`,
  corrupt: 'its files are damaged: restore them from a copy',
  unsafe: `the file system does not keep what it promises, ${folderAdvice}`,
};
const noFolder = `it cannot be used as a folder: check its path, ${folderAdvice}`;

/** Opens what lies in a folder of the data. */
export async function openIn<T>(directory: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    const why = folderReasons[cause.reason] ?? noFolder;
    throw new StartRefusal(`cannot open ${directory}: ${why}\n  ${wordsOf(cause)}`, { cause });
  }
}

/** The innermost says most: the system's own words. */
function wordsOf(cause: Error): string {
  return cause.cause instanceof Error ? wordsOf(cause.cause) : cause.message;
}
