import { describe, expect, test } from 'vitest';
import { isInvalidRange, isMissingObject, isRefusal, s3Fault } from './s3-fault.ts';

const service = (name: string, status?: number) =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
const system = (code: string) => Object.assign(new Error(code), { code });

describe('s3Fault', () => {
  const table: [cause: unknown, reason: string, effect: string][] = [
    [service('AccessDenied', 403), 'denied', 'none'],
    [service('InvalidAccessKeyId', 404), 'denied', 'none'],
    [service('SignatureDoesNotMatch', 403), 'denied', 'none'],
    [service('SomethingNew', 403), 'denied', 'none'],
    [service('NoSuchBucket', 404), 'missing', 'none'],
    [service('EntityTooLarge', 400), 'too-large', 'none'],
    [service('SomethingNew', 413), 'too-large', 'none'],
    [service('BadDigest', 400), 'corrupt', 'none'],
    [new Error('Checksum mismatch: expected "a" but received "b"'), 'corrupt', 'none'],
    [service('QuotaExceeded', 403), 'full', 'none'],
    [service('SomethingNew', 507), 'full', 'unknown'],
    [service('ConditionalRequestConflict', 409), 'unavailable', 'none'],
    [service('SlowDown', 503), 'unavailable', 'unknown'],
    [service('InternalError', 500), 'unavailable', 'unknown'],
    [service('RequestTimeout', 400), 'unavailable', 'unknown'],
    [service('TimeoutError'), 'unavailable', 'unknown'],
    [system('ECONNREFUSED'), 'unavailable', 'none'],
    [system('ENOTFOUND'), 'unavailable', 'none'],
    [system('ECONNRESET'), 'unavailable', 'unknown'],
    [system('EPIPE'), 'unavailable', 'unknown'],
    [system('ETIMEDOUT'), 'unavailable', 'unknown'],
    [undefined, 'unavailable', 'unknown'],
  ];

  test('says of each error that we rely on what it means for a write', () => {
    for (const [cause, reason, effect] of table) {
      const fault = s3Fault(cause, { name: 'put', isWrite: true });
      expect([String(cause), fault.reason, fault.effect]).toEqual([String(cause), reason, effect]);
      expect(fault.cause).toBe(cause);
    }
  });

  test('a read has no effect, whatever became of it', () => {
    for (const [cause, reason] of table) {
      const fault = s3Fault(cause, { name: 'get', isWrite: false });
      expect([fault.reason, fault.effect]).toEqual([reason, 'none']);
    }
  });

  test('tells answers from errors', () => {
    expect(isRefusal(service('PreconditionFailed', 412))).toBe(true);
    expect(isRefusal(service('ConditionalRequestConflict', 409))).toBe(false);
    expect(isMissingObject(service('NoSuchKey', 404))).toBe(true);
    expect(isMissingObject(service('NotFound', 404))).toBe(true);
    expect(isMissingObject(service('NoSuchBucket', 404))).toBe(false);
    expect(isMissingObject(service('InvalidAccessKeyId', 404))).toBe(false);
    expect(isInvalidRange(service('InvalidRange', 416))).toBe(true);
  });
});
