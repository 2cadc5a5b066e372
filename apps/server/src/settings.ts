import { cacheDeclarations } from '@tidemark/disk';
import { edgeDeclarations } from '@tidemark/edge';
import { ingestDeclarations } from '@tidemark/ingest';
import { kafkaDeclarations } from '@tidemark/kafka';
import { publishDeclarations } from '@tidemark/materializer';
import { processDeclarations } from '@tidemark/platform';
import { mcpDeclarations, searchDeclarations } from '@tidemark/read';
import { relayDeclarations } from '@tidemark/relay';
import { s3Declarations } from '@tidemark/s3';
import { choice, text } from '@tidemark/std';
import { tieringDeclarations } from '@tidemark/tiering';

/** All settings of the server. The README's table is made from this. */
export const serverDeclarations = {
  ...edgeDeclarations,
  ...processDeclarations,
  log: choice({
    env: 'TIDEMARK_LOG',
    purpose: 'where events are durable: a log in the data folder, or Kafka',
    among: ['embedded', 'kafka'],
    fallback: 'embedded',
  }),
  objects: choice({
    env: 'TIDEMARK_OBJECTS',
    purpose: 'where objects are kept: the data folder, or an S3 bucket',
    among: ['folder', 's3'],
    fallback: 'folder',
  }),
  dataDir: text({
    env: 'TIDEMARK_DATA_DIR',
    purpose: 'folder of the embedded log and the folder store',
    fallback: '.tidemark',
  }),
  ...ingestDeclarations,
  ...publishDeclarations,
  ...tieringDeclarations,
  ...relayDeclarations,
  ...mcpDeclarations,
  ...searchDeclarations,
  ...kafkaDeclarations,
  ...s3Declarations,
  ...cacheDeclarations,
} as const;
