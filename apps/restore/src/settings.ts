import { s3Declarations } from '@tidemark/s3';
import { choice, secret, text } from '@tidemark/std';

export const restoreDeclarations = {
  url: text({
    env: 'TIDEMARK_URL',
    purpose: 'the empty cluster that the bucket is restored into',
    fallback: 'http://127.0.0.1:4437',
  }),
  adminKey: secret({ env: 'TIDEMARK_ADMIN_KEY', purpose: 'the admin key of that cluster' }),
  objects: choice({
    env: 'TIDEMARK_OBJECTS',
    purpose: 'what is restored: an S3 bucket, or the folder of an embedded server',
    among: ['s3', 'folder'],
    fallback: 's3',
  }),
  dataDir: text({
    env: 'TIDEMARK_DATA_DIR',
    purpose: 'data folder of the embedded server whose objects are restored',
    fallback: '.tidemark',
  }),
  ...s3Declarations,
} as const;
