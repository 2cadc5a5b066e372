// Puts the events of shards into segments, so that their logs need not keep them.

import { assignedShards, type Background } from '@tidemark/platform';
import type { ObjectStore } from '@tidemark/ports';
import type { PublishedObjects } from '@tidemark/segments';
import { Tiering, tieringDefaults } from '@tidemark/segments/publish';
import type { SettingsOf } from '@tidemark/std';
import type { tieringDeclarations } from './settings.ts';

import { visitShards } from './visited-shards.ts';

export { tieringDeclarations } from './settings.ts';

interface ArchiveSettings extends SettingsOf<typeof tieringDeclarations> {
  /** The shards that a group of processes shares; without, all that there are. */
  readonly isAssigned?: boolean;
}

const mib = 1_024 * 1_024;
/** A shard that nobody uses is looked at so often. */
const visitMsMax = 3_600_000;

/** What waits when the process stops is in the log: whoever comes next archives it. */
export const archiving =
  (
    objects: Pick<PublishedObjects, 'publications' | 'archive'> & { readonly store: ObjectStore },
    { segmentMib, segmentMs, logKeepMib, eraseMs, isAssigned = false }: ArchiveSettings,
  ): Background =>
  ({ parts, shards }) => {
    const tiering = new Tiering({ ...parts, ...objects }, shards, {
      ...tieringDefaults,
      segmentBytes: segmentMib * mib,
      everyMs: segmentMs,
      keepBytes: logKeepMib * mib,
      eraseAfterMs: eraseMs,
    });
    tiering.start();
    const ending = new AbortController();
    const group = { ...parts, group: 'tidemark-tiering' };
    const { signal } = ending;
    const everyMs = Math.min(visitMsMax, eraseMs);
    const assigned = isAssigned
      ? assignedShards(group, shards, signal)
      : visitShards(parts, shards, { everyMs, signal });
    return {
      async end() {
        ending.abort();
        await assigned;
        await tiering[Symbol.asyncDispose]();
      },
    };
  };
