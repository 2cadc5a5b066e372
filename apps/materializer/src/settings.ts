import { kafkaDeclarations } from '@tidemark/kafka';
import { operationsDeclarations, processDeclarations } from '@tidemark/platform';
import { s3Declarations } from '@tidemark/s3';
import { choice, integer } from '@tidemark/std';

/** Of whoever publishes. */
export const publishDeclarations = {
  publishMs: integer({
    env: 'TIDEMARK_PUBLISH_MS',
    purpose:
      'what changed is published after so long at the latest: less to fold at a start, more objects',
    min: 1_000,
    max: 3_600_000,
    fallback: 60_000,
  }),
} as const;

/** All settings of the materializer as a process of its own. */
export const materializerDeclarations = {
  ...processDeclarations,
  ...operationsDeclarations,
  ...publishDeclarations,
  objects: choice({
    env: 'TIDEMARK_OBJECTS',
    purpose: 'where objects are kept: as other roles are told, so that one environment is for all',
    among: ['s3'],
    fallback: 's3',
  }),
  ...kafkaDeclarations,
  ...s3Declarations,
} as const;
