// The bucket that a tenant’s objects lie in, where it is not the server’s own. Stored. Never rename.

import { type Check, isFields, isText, optional, shaped } from './shapes.ts';

/** How the bucket is opened; without, as the server opens its own. */
export type BucketAccess =
  /** The secret is sealed, for `bucketPurpose` of its tenant. */
  | { readonly kind: 'key'; readonly id: string; readonly sealed: string }
  /** A role that the server assumes. */
  | { readonly kind: 'role'; readonly arn: string; readonly externalId?: string | undefined };

export interface BucketEncryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly keyId?: string | undefined;
}

export interface TenantBucket {
  readonly name: string;
  readonly region: string;
  /** Of an S3 server other than Amazon’s. */
  readonly endpoint?: string | undefined;
  /** Stands before every key. */
  readonly prefix?: string | undefined;
  readonly access?: BucketAccess | undefined;
  /** What the store is told to encrypt with; without, as the bucket is set. */
  readonly encryption?: BucketEncryption | undefined;
}

/** What the seal of the secret is for. */
export const bucketPurpose = (tenant: string): string => `bucket\n${tenant}`;

/** Objects are found where they were put: how a bucket is reached may change, which it is may not. */
export const isSameBucket = (one: TenantBucket, other: TenantBucket): boolean =>
  one.name === other.name && one.prefix === other.prefix;

const isAccess: Check = (value) => {
  if (!isFields(value)) return false;
  if (value['kind'] === 'key') return isText(value['id']) && isText(value['sealed']);
  return value['kind'] === 'role' && isText(value['arn']) && optional(isText)(value['externalId']);
};

const isEncryption = shaped({
  algorithm: (value) => value === 'AES256' || value === 'aws:kms',
  keyId: optional(isText),
});

export const isTenantBucket: Check = shaped({
  name: isText,
  region: isText,
  endpoint: optional(isText),
  prefix: optional(isText),
  access: optional(isAccess),
  encryption: optional(isEncryption),
});
