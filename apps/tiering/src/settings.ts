import { kafkaDeclarations } from '@tidemark/kafka';
import { operationsDeclarations, processDeclarations } from '@tidemark/platform';
import { s3Declarations } from '@tidemark/s3';
import { choice, integer } from '@tidemark/std';

/** Of whoever archives. */
export const tieringDeclarations = {
  segmentMib: integer({
    env: 'TIDEMARK_SEGMENT_MIB',
    purpose: 'MiB of a shard’s events that are put into a segment at once',
    min: 1,
    max: 256,
    fallback: 8,
  }),
  segmentMs: integer({
    env: 'TIDEMARK_SEGMENT_MS',
    purpose: 'and after so long at the latest',
    min: 1_000,
    max: 86_400_000,
    fallback: 300_000,
  }),
  logKeepMib: integer({
    env: 'TIDEMARK_LOG_KEEP_MIB',
    purpose: 'MiB of a shard’s events that its log keeps though they are in segments',
    min: 0,
    max: 1_048_576,
    fallback: 256,
  }),
  eraseMs: integer({
    env: 'TIDEMARK_ERASE_MS',
    purpose: 'events of deleted sessions are erased from segments after so long',
    min: 1_000,
    max: 2_592_000_000,
    fallback: 3_600_000,
  }),
} as const;

/** All settings of tiering as a process of its own. */
export const tieringProcessDeclarations = {
  ...processDeclarations,
  ...operationsDeclarations,
  ...tieringDeclarations,
  objects: choice({
    env: 'TIDEMARK_OBJECTS',
    purpose: 'where objects are kept: as other roles are told, so that one environment is for all',
    among: ['s3'],
    fallback: 's3',
  }),
  ...kafkaDeclarations,
  ...s3Declarations,
} as const;
