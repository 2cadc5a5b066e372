import type { S3Address } from './bucket.ts';

/** What a test may know of a server that it shares with others: it must not hurt it. */
export interface SharedS3 extends AsyncDisposable, S3Address {
  readonly name: string;
  readonly pid: number;
}

/** What has a process keep its objects there. */
export const s3Settings = (s3: S3Address): Record<string, string> => ({
  TIDEMARK_OBJECTS: 's3',
  TIDEMARK_S3_ENDPOINT: s3.endpoint,
  TIDEMARK_S3_REGION: s3.region,
  TIDEMARK_S3_BUCKET: s3.bucket,
  TIDEMARK_S3_ACCESS_KEY_ID: s3.accessKeyId,
  TIDEMARK_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
});
