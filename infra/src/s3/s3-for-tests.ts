import { startS3Container, wantsContainers } from '../containers/containers.ts';
import type { S3Address } from './bucket.ts';
import { startS3 } from './s3-server.ts';

/** What a test may know of a server that it shares with others: it must not hurt it. */
export interface SharedS3 extends AsyncDisposable, S3Address {
  readonly name: string;
  readonly pid: number;
}

/**
 * The running server that `TIDEMARK_TEST_S3` describes, or else one of its own, stopped when it is
 * disposed.
 */
export async function s3ForTests(): Promise<SharedS3> {
  const state = process.env['TIDEMARK_TEST_S3'];
  if (state === undefined || state === '') {
    return wantsContainers() ? startS3Container() : startS3();
  }
  const told = JSON.parse(state) as Omit<SharedS3, typeof Symbol.asyncDispose>;
  return { ...told, [Symbol.asyncDispose]: () => Promise.resolve() };
}
