import { choice, integer, optional, type SettingsOf, secret } from '@tidemark/std';

/** What every app reads from its environment, whatever its roles are. */
export const processDeclarations = {
  adminKey: optional(
    secret({
      env: 'TIDEMARK_ADMIN_KEY',
      purpose:
        'key for /v1/admin; with it every request needs a tenant’s key, without it there is one tenant',
    }),
  ),
  sealingKey: optional(
    secret({
      env: 'TIDEMARK_SEALING_KEY',
      purpose:
        'what secrets are sealed with that are kept for others: keys of model providers, secrets of webhooks and buckets; the same for all processes',
    }),
  ),
  logLevel: choice({
    env: 'TIDEMARK_LOG_LEVEL',
    purpose: 'least severe log line',
    among: ['debug', 'info', 'warn', 'error', 'silent'],
    fallback: 'info',
  }),
  memoryMib: integer({
    env: 'TIDEMARK_MEMORY_MIB',
    purpose: 'MiB of sessions and their event bodies kept in memory; the rest is looked up again',
    min: 1,
    max: 1_048_576,
    fallback: 512,
  }),
  drainMs: integer({
    env: 'TIDEMARK_DRAIN_MS',
    purpose: 'time for requests to finish at shutdown',
    min: 0,
    max: 60_000,
    fallback: 5_000,
  }),
} as const;

export type ProcessSettings = SettingsOf<typeof processDeclarations>;
