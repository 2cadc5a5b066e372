// The door to the object store. What an implementation owes is the contract suite in ./testing.
//
// (1) Of racing conditional writes exactly one wins, and its body is the one that is stored.
// (2) A write is visible whole or not at all, and at once.
// (3) A Fault says `effect: 'unknown'` whenever the write may have happened.

export interface ObjectInfo {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
}

export interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
}

export type PutOutcome =
  | { readonly kind: 'stored'; readonly etag: string }
  /** The condition did not hold: somebody else's body is there, or none. */
  | { readonly kind: 'refused' };

export interface ByteRange {
  readonly firstByte: number;
  readonly endByte: number;
}

export interface ObjectStore extends AsyncDisposable {
  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome>;
  /** Replaces the object only while its etag is still `expected`. */
  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome>;
  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>;
  /** The bytes of the range that exist; undefined where the object does not. */
  getRange(key: string, range: ByteRange, signal?: AbortSignal): Promise<StoredObject | undefined>;
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** In key order, by UTF-8 bytes. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo>;
  /** Absent keys are no error. */
  deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void>;
}
