import type { S3Address } from './bucket.ts';

/** What a test may know of a server that it shares with others: it must not hurt it. */
export interface SharedS3 extends AsyncDisposable, S3Address {
  readonly name: string;
  readonly pid: number;
}
