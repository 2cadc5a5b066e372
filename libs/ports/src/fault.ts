/** Why a dependency could not do what it was asked. Coarse: a caller acts on the reason. */
export type FaultReason =
  /** Nothing answers, or it answers that it cannot now. */
  | 'unavailable'
  /** The caller's signal fired. */
  | 'aborted'
  /** No such topic, shard or object. */
  | 'missing'
  /** A read below the first record kept. */
  | 'below-start'
  /** A read beyond the end: the log is not the one that was known. */
  | 'above-end'
  /** Stored bytes do not match their checksum. */
  | 'corrupt'
  /** No room left. */
  | 'full'
  /** Larger than the dependency takes. */
  | 'too-large'
  /** Keeps less than was promised: refused, by name. */
  | 'unsafe'
  /** Somebody else holds what must be held alone. */
  | 'locked'
  /** Credentials or permissions are wrong. */
  | 'denied';

const brand = Symbol.for('tidemark.fault');

/** A dependency misbehaved. `effect` is `none` only when the call certainly changed nothing. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly [brand] = true;
  readonly reason: FaultReason;
  readonly effect: 'none' | 'unknown';

  constructor(
    reason: FaultReason,
    message: string,
    options: { readonly effect: 'none' | 'unknown'; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.effect = options.effect;
  }
}

/** By brand, not by class: two copies of this package may be loaded. */
export const isFault = (value: unknown): value is Fault =>
  typeof value === 'object' && value !== null && brand in value;
