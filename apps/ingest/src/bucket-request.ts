// The bucket of a tenant, as an operator names it, and as it is told again: without its secret.

import type { Platform } from '@tidemark/platform';
import { Problem, type TenantId } from '@tidemark/protocol';
import type { BucketAccess, BucketEncryption, TenantBucket } from '@tidemark/session';
import { type Fields, isFields, malformed, requiredText, textField } from '@tidemark/sessions-api';

const charsMax = 2_048;
const known = new Set([
  'name',
  'region',
  'endpoint',
  'prefix',
  'accessKeyId',
  'secretAccessKey',
  'roleArn',
  'externalId',
  'encryption',
  'kmsKeyId',
]);

/** Sealed, and tried: rejects with what is missing. */
export async function usableBucket(
  { parts: { stores } }: Platform,
  tenant: TenantId,
  value: unknown,
): Promise<TenantBucket> {
  if (stores === undefined) {
    throw malformed('bucket: this process keeps no objects, see TIDEMARK_OBJECTS');
  }
  if (!isFields(value)) throw malformed('bucket is an object');
  const bucket = parseBucket(value, (secret) => stores.seal(tenant, secret));
  const faults = await stores.check(tenant, bucket);
  if (faults.length === 0) return bucket;
  throw new Problem('invalid-request', `the bucket cannot be used. ${faults.join('; ')}`);
}

export function parseBucket(fields: Fields, seal: (secret: string) => string): TenantBucket {
  const unknown = Object.keys(fields).find((name) => !known.has(name));
  if (unknown !== undefined) throw malformed(`bucket.${unknown} is not known`);
  return {
    name: requiredText(fields, 'name', charsMax),
    region: textField(fields, 'region', charsMax) ?? 'us-east-1',
    endpoint: endpointOf(textField(fields, 'endpoint', charsMax)),
    prefix: textField(fields, 'prefix', charsMax),
    access: accessOf(fields, seal),
    encryption: encryptionOf(fields),
  };
}

function endpointOf(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  const { protocol } = URL.parse(endpoint) ?? {};
  if (protocol === 'http:' || protocol === 'https:') return endpoint;
  throw malformed('bucket.endpoint is an http or https URL');
}

function accessOf(fields: Fields, seal: (secret: string) => string): BucketAccess | undefined {
  const id = textField(fields, 'accessKeyId', charsMax);
  const secret = textField(fields, 'secretAccessKey', charsMax);
  const arn = textField(fields, 'roleArn', charsMax);
  const externalId = textField(fields, 'externalId', charsMax);
  if ((id === undefined) !== (secret === undefined)) {
    throw malformed('bucket.accessKeyId and bucket.secretAccessKey come together');
  }
  if (arn === undefined && externalId !== undefined) {
    throw malformed('bucket.externalId comes with bucket.roleArn');
  }
  if (arn !== undefined && id !== undefined) {
    throw malformed('a bucket is opened with an access key or with a role, not with both');
  }
  if (id !== undefined && secret !== undefined) return { kind: 'key', id, sealed: seal(secret) };
  return arn === undefined ? undefined : { kind: 'role', arn, externalId };
}

function encryptionOf(fields: Fields): BucketEncryption | undefined {
  const algorithm = textField(fields, 'encryption', charsMax);
  const keyId = textField(fields, 'kmsKeyId', charsMax);
  if (keyId !== undefined && algorithm !== 'aws:kms') {
    throw malformed('bucket.kmsKeyId comes with the encryption aws:kms');
  }
  if (algorithm === undefined) return undefined;
  if (algorithm === 'AES256' || algorithm === 'aws:kms') return { algorithm, keyId };
  throw malformed('bucket.encryption is AES256 or aws:kms');
}

export const bucketObject = (bucket: TenantBucket): Fields => {
  const { name, region, endpoint, prefix, access, encryption } = bucket;
  return {
    name,
    region,
    endpoint,
    prefix,
    accessKeyId: access?.kind === 'key' ? access.id : undefined,
    roleArn: access?.kind === 'role' ? access.arn : undefined,
    externalId: access?.kind === 'role' ? access.externalId : undefined,
    encryption: encryption?.algorithm,
    kmsKeyId: encryption?.keyId,
  };
};
