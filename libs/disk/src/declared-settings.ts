import { integer, optional, type SettingsOf, text } from '@tidemark/std';
import type { RangeCacheSettings } from './range-cache.ts';

/** Of a role that reads objects. */
export const cacheDeclarations = {
  cacheDir: optional(
    text({
      env: 'TIDEMARK_CACHE_DIR',
      purpose:
        'folder on a local disk, this process’s own, that keeps what was read of objects for an hour; without, nothing is kept',
    }),
  ),
  cacheMib: integer({
    env: 'TIDEMARK_CACHE_MIB',
    purpose: 'MiB that it takes at most',
    min: 1,
    max: 16_777_216,
    fallback: 1_024,
  }),
} as const;

/** Undefined where there is no folder. */
export const cacheSettingsOf = ({
  cacheDir,
  cacheMib,
}: SettingsOf<typeof cacheDeclarations>): RangeCacheSettings | undefined =>
  cacheDir === undefined ? undefined : { directory: cacheDir, bytesMax: cacheMib * 1_048_576 };
