import { makeBucket, type SharedS3, s3ForTests } from '@tidemark/infra';

/** Names of one run: the server may be shared. */
const run = Date.now().toString(36);
let serial = 0;

/** With nothing in it. */
export async function emptyBucket(): Promise<SharedS3> {
  const s3 = await s3ForTests();
  serial += 1;
  const own = { ...s3, bucket: `bench-${run}-${serial}` };
  if (!(await makeBucket(own))) throw new Error(`${own.bucket} cannot be made`);
  return own;
}
