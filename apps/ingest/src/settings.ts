import { integer } from '@tidemark/std';

export const ingestDeclarations = {
  retentionMs: integer({
    env: 'TIDEMARK_RETENTION_MS',
    purpose: 'how often what policies of retention say is looked for, and let go',
    min: 1_000,
    max: 86_400_000,
    fallback: 600_000,
  }),
} as const;
