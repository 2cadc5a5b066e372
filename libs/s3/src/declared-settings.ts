import { choice, optional, type SettingsOf, secret, text } from '@tidemark/std';
import type { S3StoreSettings } from './s3-store.ts';

/** As every app reads them from its environment. */
export const s3Declarations = {
  s3Bucket: text({
    env: 'TIDEMARK_S3_BUCKET',
    purpose: 'bucket of the objects',
    fallback: 'tidemark',
  }),
  s3Region: text({ env: 'TIDEMARK_S3_REGION', purpose: 'its region', fallback: 'us-east-1' }),
  s3Endpoint: optional(
    text({ env: 'TIDEMARK_S3_ENDPOINT', purpose: 'S3 server other than Amazon’s, as a URL' }),
  ),
  s3Prefix: optional(text({ env: 'TIDEMARK_S3_PREFIX', purpose: 'what stands before every key' })),
  s3AccessKeyId: optional(
    text({
      env: 'TIDEMARK_S3_ACCESS_KEY_ID',
      purpose: 'access key; else as Amazon’s tools find it',
    }),
  ),
  s3SecretAccessKey: optional(
    secret({ env: 'TIDEMARK_S3_SECRET_ACCESS_KEY', purpose: 'secret of the access key' }),
  ),
} as const;

/** Of a role that can do without: then everything is folded from the log, and kept. */
export const objectDeclarations = {
  objects: choice({
    env: 'TIDEMARK_OBJECTS',
    purpose: 'where what a materializer publishes is read: an S3 bucket, or nowhere',
    among: ['none', 's3'],
    fallback: 'none',
  }),
  ...s3Declarations,
} as const;

export const s3SettingsOf = (settings: SettingsOf<typeof s3Declarations>): S3StoreSettings => ({
  bucket: settings.s3Bucket,
  region: settings.s3Region,
  endpoint: settings.s3Endpoint,
  prefix: settings.s3Prefix,
  accessKeyId: settings.s3AccessKeyId,
  secretAccessKey: settings.s3SecretAccessKey,
});
