import { makeBucket, type SharedS3, s3ForTests } from '@tidemark/infra';
import { runName } from '../run-name.ts';

let serial = 0;

/** With nothing in it. */
export async function emptyBucket(): Promise<SharedS3> {
  const s3 = await s3ForTests();
  serial += 1;
  const own = { ...s3, bucket: `bench-${runName}-${serial}` };
  if (!(await makeBucket(own))) throw new Error(`${own.bucket} cannot be made`);
  return own;
}
