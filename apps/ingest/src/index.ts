import type { Role } from '@tidemark/edge';
import type { Secret } from '@tidemark/std';
import { addAdmin } from './admin-routes.ts';
import { addStreamWrites } from './stream-routes.ts';

export interface IngestSettings {
  readonly adminKey: Secret | undefined;
}

/** Takes appends and acknowledges what is durable. */
export const ingestRole =
  ({ adminKey }: IngestSettings): Role =>
  ({ edge, tenancy }, platform) => {
    const { shards, writes } = platform;
    addStreamWrites(edge, { tenancy, shards, writes });
    if (adminKey !== undefined) addAdmin(edge, platform, adminKey);
    return {};
  };
