import { Fault, type FaultReason, isFault } from '@tidemark/ports';

interface Meaning {
  readonly reason: FaultReason;
  /** Of a write that was answered so. Reads change nothing in any case. */
  readonly effect: 'none' | 'unknown';
}

const none = (reason: FaultReason): Meaning => ({ reason, effect: 'none' });
const unknown = (reason: FaultReason): Meaning => ({ reason, effect: 'unknown' });

/** By the service's error code or the system's: what was said, or never sent, is certain. */
const meanings: Readonly<Record<string, Meaning>> = {
  AccessDenied: none('denied'),
  AllAccessDisabled: none('denied'),
  AuthorizationHeaderMalformed: none('denied'),
  ExpiredToken: none('denied'),
  InvalidAccessKeyId: none('denied'),
  InvalidToken: none('denied'),
  RequestTimeTooSkewed: none('denied'),
  SignatureDoesNotMatch: none('denied'),
  CredentialsProviderError: none('denied'),
  NoSuchBucket: none('missing'),
  NoSuchUpload: none('missing'),
  EntityTooLarge: none('too-large'),
  KeyTooLongError: none('too-large'),
  BadDigest: none('corrupt'),
  InvalidDigest: none('corrupt'),
  XAmzContentSHA256Mismatch: none('corrupt'),
  XAmzContentChecksumMismatch: none('corrupt'),
  QuotaExceeded: none('full'),
  XMinioStorageFull: none('full'),
  InsufficientStorage: unknown('full'),
  // Somebody else's conditional write was under way: this one was not made.
  ConditionalRequestConflict: none('unavailable'),
  OperationAborted: none('unavailable'),
  // Nothing was sent.
  ECONNREFUSED: none('unavailable'),
  ENOTFOUND: none('unavailable'),
  EAI_AGAIN: none('unavailable'),
  EHOSTUNREACH: none('unavailable'),
  ENETUNREACH: none('unavailable'),
};

interface ServiceError {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const statusOf = (cause: unknown): number | undefined =>
  (cause as ServiceError | undefined)?.$metadata?.httpStatusCode;

const codesOf = (cause: unknown): string[] => {
  const { name, code, Code } = (cause ?? {}) as ServiceError;
  return [code, Code, name].filter((text) => typeof text === 'string');
};

/** The condition of a conditional write did not hold. */
export const isRefusal = (cause: unknown): boolean =>
  statusOf(cause) === 412 || codesOf(cause).includes('PreconditionFailed');

export const isMissingObject = (cause: unknown): boolean => {
  const codes = codesOf(cause);
  if (codes.some((code) => code in meanings)) return false;
  return codes.includes('NoSuchKey') || statusOf(cause) === 404;
};

export const isInvalidRange = (cause: unknown): boolean =>
  statusOf(cause) === 416 || codesOf(cause).includes('InvalidRange');

/** The only place that reads the vendor's errors. */
export function s3Fault(cause: unknown, call: { readonly name: string; isWrite: boolean }): Fault {
  if (isFault(cause)) return cause;
  const { reason, effect } = meaningOf(cause);
  const code = codesOf(cause)[0] ?? 'none';
  const status = statusOf(cause) ?? 'none';
  return new Fault(reason, `s3 call failed. call=${call.name} code=${code} status=${status}`, {
    effect: call.isWrite ? effect : 'none',
    cause,
  });
}

function meaningOf(cause: unknown): Meaning {
  const known = codesOf(cause).find((code) => code in meanings);
  if (known !== undefined) return meanings[known] as Meaning;
  const status = statusOf(cause);
  if (status === 401 || status === 403) return none('denied');
  if (status === 404) return none('missing');
  if (status === 413) return none('too-large');
  if (status === 507) return unknown('full');
  if (isChecksumMismatch(cause)) return none('corrupt');
  return unknown('unavailable');
}

/** The client has no class and no code for this one. */
const isChecksumMismatch = (cause: unknown): boolean =>
  cause instanceof Error && cause.message.startsWith('Checksum mismatch');
