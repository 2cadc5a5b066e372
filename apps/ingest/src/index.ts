import type { Role } from '@tidemark/edge';
import { RetentionSweep } from '@tidemark/replica/write';
import type { Secret } from '@tidemark/std';
import { addAdmin } from './admin-routes.ts';
import { addOwnKeys } from './key-routes.ts';
import { addAgentWrites } from './runs/agent-routes.ts';
import { addCredentialWrites } from './runs/credential-routes.ts';
import { Credentials } from './runs/credential-store.ts';
import { addDestinationWrites } from './runs/destination-routes.ts';
import { addRunWrites } from './runs/run-routes.ts';
import { addSharedDestinationWrites } from './runs/shared-destination-routes.ts';
import { addTurnWrites } from './runs/turn-routes.ts';
import { addDefinitionWrites } from './sessions/definition-routes.ts';
import { addEventWrites } from './sessions/event-routes.ts';
import { addFactWrites } from './sessions/fact-routes.ts';
import { addKeepingWrites } from './sessions/keeping-routes.ts';
import { addResourceWrites } from './sessions/resource-routes.ts';
import { addSessionWrites } from './sessions/session-routes.ts';
import { addTokenRoutes } from './sessions/token-routes.ts';
import { addTraces } from './sessions/trace-routes.ts';
import { addStreamWrites } from './stream-routes.ts';

export { ingestDeclarations } from './settings.ts';

export interface IngestSettings {
  readonly adminKey: Secret | undefined;
  /** With which secrets that are kept for others are sealed. */
  readonly sealingKey?: Secret | undefined;
  readonly retentionMs: number;
}

/** Takes appends and acknowledges what is durable. */
export const ingestRole =
  ({ adminKey, sealingKey, retentionMs }: IngestSettings): Role =>
  ({ edge, tenancy }, platform) => {
    const { shards, writes, writers, registry } = platform;
    addStreamWrites(edge, { tenancy, shards, writes });
    const sessions = { tenancy, shards, writes, writers };
    addSessionWrites(edge, sessions);
    addEventWrites(edge, sessions);
    addTraces(edge, sessions);
    addFactWrites(edge, sessions);
    const sweep = new RetentionSweep(shards, writes);
    addKeepingWrites(edge, { ...sessions, registry, sweep });
    addResourceWrites(edge, sessions);
    addDefinitionWrites(edge, sessions);
    const randomBytes = (count: number): Uint8Array => platform.parts.prng.bytes(count);
    const tokens = { ...sessions, randomBytes };
    addTokenRoutes(edge, tokens);
    const runs = { ...tokens, credentials: new Credentials(tokens, sealingKey) };
    addAgentWrites(edge, runs);
    addCredentialWrites(edge, runs);
    addRunWrites(edge, runs);
    addTurnWrites(edge, runs);
    addDestinationWrites(edge, runs);
    addSharedDestinationWrites(edge, runs);
    if (!tenancy.isKeyless) addOwnKeys(edge, platform, tenancy);
    if (adminKey !== undefined) addAdmin(edge, platform, adminKey);
    sweep.start(retentionMs + platform.parts.prng.below(retentionMs));
    return {};
  };
