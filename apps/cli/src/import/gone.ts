import { stat } from 'node:fs/promises';

/** Tools clean up behind themselves: a file may go between a look at its folder and its reading. */
export const isGone = (cause: unknown): boolean =>
  cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ENOENT';

/** Undefined where it is gone. */
export async function changedAtMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw cause;
  }
}
