import { startS3Container, wantsContainers } from '../containers/containers.ts';
import { startS3 } from './s3-server.ts';
import type { SharedS3 } from './shared-s3.ts';

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
