import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import {
  abortedFault,
  type ByteRange,
  type Clock,
  Fault,
  type Logger,
  type Metrics,
  type ObjectInfo,
  type ObjectStore,
  type Prng,
  type PutOutcome,
  type StoredObject,
} from '@tidemark/ports';
import { emptyBytes, present, type Secret } from '@tidemark/std';
import { type AssumedRole, assumedRole } from './assumed-role.ts';
import { DirectRanges } from './direct-ranges.ts';
import { type Call, S3Calls } from './s3-calls.ts';
import { isInvalidRange, isMissingObject, isRefusal } from './s3-fault.ts';
import { type Condition, type Encrypted, uploadByParts } from './s3-upload.ts';

export interface S3StoreComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly prng: Prng;
}

export interface S3Encryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly keyId?: string | undefined;
}

export interface S3StoreSettings {
  readonly bucket: string;
  readonly region: string;
  /** Absent: Amazon's own for the region. */
  readonly endpoint?: string | undefined;
  /** Stands before every key. */
  readonly prefix?: string | undefined;
  /** Absent: the environment's, as Amazon's tools find them. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: Secret | undefined;
  /** Assumed with those credentials. */
  readonly role?: AssumedRole | undefined;
  /** What objects are encrypted with; absent: as the bucket is set. */
  readonly encryption?: S3Encryption | undefined;
  readonly attemptsMax?: number;
  readonly attemptMs?: number;
  readonly multipartFromBytes?: number;
  readonly partBytes?: number;
}

const mebibyte = 1_024 * 1_024;

const defaults = {
  attemptsMax: 5,
  attemptMs: 30_000,
  backoffMs: 50,
  backoffMsMax: 2_000,
  multipartFromBytes: 16 * mebibyte,
  partBytes: 8 * mebibyte,
};

const connectionsMax = 64;
const connectMs = 3_000;
/** An idle connection goes before the service closes it: a write on a dying one is `unknown`. */
const idleMs = 4_000;
const deletesPerCall = 1_000;

/** Opens a bucket, or a prefix of one. Asks nothing yet. */
export function openS3Store(
  components: S3StoreComponents,
  settings: S3StoreSettings,
): Promise<ObjectStore> {
  return Promise.resolve(new S3Store(components, settings));
}

function createClient(settings: S3StoreSettings): S3Client {
  const { endpoint, region } = settings;
  const agent = { keepAlive: true, maxSockets: connectionsMax, timeout: idleMs };
  return new S3Client({
    region,
    // Attempts are counted here, where it is known which may be repeated.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: connectMs, httpAgent: agent, httpsAgent: agent },
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...credentialsOf(settings),
  });
}

function credentialsOf({
  accessKeyId,
  secretAccessKey,
  role,
  region,
}: S3StoreSettings): Pick<S3ClientConfig, 'credentials'> {
  const given =
    accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey: secretAccessKey.reveal() } };
  return role === undefined ? given : { credentials: assumedRole(role, { ...given, region }) };
}

const encrypted = (encryption: S3Encryption | undefined): Encrypted =>
  encryption === undefined
    ? {}
    : { ServerSideEncryption: encryption.algorithm, SSEKMSKeyId: encryption.keyId };

class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #ranges: DirectRanges;
  readonly #calls: S3Calls;
  readonly #logger: Logger;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #encrypted: Encrypted;
  readonly #options: typeof defaults;
  #isClosed = false;

  constructor(components: S3StoreComponents, settings: S3StoreSettings) {
    this.#options = { ...defaults, ...settings };
    this.#client = createClient(settings);
    this.#ranges = new DirectRanges(this.#client);
    this.#calls = new S3Calls(components, this.#options);
    this.#logger = components.logger;
    this.#bucket = settings.bucket;
    this.#prefix = settings.prefix ?? '';
    this.#encrypted = encrypted(settings.encryption);
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    return this.#put({ key, body, condition: { IfNoneMatch: '*' }, signal });
  }

  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome> {
    const { expected, body } = write;
    return this.#put({ key, body, condition: { IfMatch: expected }, signal });
  }

  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#read('get', signal, (abortSignal) =>
      this.#fetch(new GetObjectCommand(this.#target(key)), abortSignal),
    );
  }

  async getRange(
    key: string,
    range: ByteRange,
    signal?: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const { firstByte, endByte } = range;
    if (endByte > firstByte) {
      const header = `bytes=${firstByte}-${endByte - 1}`;
      const object = await this.#read('getRange', signal, (abortSignal) =>
        this.#fetchRange(key, header, abortSignal),
      );
      if (object !== 'beyond the end') return object;
    }
    const info = await this.head(key, signal);
    return info && { body: emptyBytes, etag: info.etag };
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#read('head', signal, async (abortSignal) => {
      const command = new HeadObjectCommand(this.#target(key));
      const { ETag, ContentLength } = await this.#client.send(command, { abortSignal });
      return { key, etag: present(ETag, 'etag'), bytes: ContentLength ?? 0 };
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const input = { Bucket: this.#bucket, Prefix: this.#prefix + prefix };
    let ContinuationToken: string | undefined;
    do {
      const token = ContinuationToken === undefined ? {} : { ContinuationToken };
      const command = new ListObjectsV2Command({ ...input, ...token });
      const page = await this.#run({ name: 'list', isWrite: false, signal }, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      for (const { Key, ETag, Size } of page.Contents ?? []) {
        const key = present(Key, 'key').slice(this.#prefix.length);
        yield { key, etag: present(ETag, 'etag'), bytes: Size ?? 0 };
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }

  async deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < keys.length; at += deletesPerCall) {
      const some = keys.slice(at, at + deletesPerCall);
      await this.#run({ name: 'deleteMany', isWrite: true, signal }, (abortSignal) =>
        this.#deleteSome(some, abortSignal),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#client.destroy();
  }

  #target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  /** Everything that may be repeated. */
  #run<T>(call: Omit<Call, 'mayRepeat'>, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(abortedFault());
    return this.#calls.run({ ...call, mayRepeat: true }, attempt);
  }

  #read<T>(
    name: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#run({ name, isWrite: false, signal }, async (abortSignal) => {
      try {
        return await attempt(abortSignal);
      } catch (cause) {
        if (isMissingObject(cause)) return undefined;
        throw cause;
      }
    });
  }

  async #fetchRange(
    key: string,
    Range: string,
    abortSignal: AbortSignal,
  ): Promise<StoredObject | 'beyond the end'> {
    const object = await this.#ranges.get(this.#prefix + key, Range, abortSignal);
    if (object !== undefined) return object;
    const command = new GetObjectCommand({ ...this.#target(key), Range });
    this.#ranges.learnFrom(command, this.#prefix + key);
    try {
      return await this.#fetch(command, abortSignal);
    } catch (cause) {
      if (isInvalidRange(cause)) return 'beyond the end';
      throw cause;
    }
  }

  async #fetch(command: GetObjectCommand, abortSignal: AbortSignal): Promise<StoredObject> {
    const { Body, ETag } = await this.#client.send(command, { abortSignal });
    const body = (await Body?.transformToByteArray()) ?? emptyBytes;
    return { body, etag: present(ETag, 'etag') };
  }

  async #put(put: {
    readonly key: string;
    readonly body: Uint8Array;
    readonly condition: Condition;
    readonly signal: AbortSignal | undefined;
  }): Promise<PutOutcome> {
    if (this.#isClosed) throw abortedFault();
    const { key, body, condition, signal } = put;
    const target = this.#target(key);
    try {
      const etag =
        body.length < this.#options.multipartFromBytes
          ? await this.#putWhole(target, put)
          : await uploadByParts(
              { client: this.#client, calls: this.#calls, logger: this.#logger },
              {
                target,
                body,
                condition,
                encrypted: this.#encrypted,
                partBytes: this.#options.partBytes,
                signal,
              },
            );
      return { kind: 'stored', etag: present(etag, 'etag') };
    } catch (cause) {
      const vendor = cause instanceof Fault ? cause.cause : cause;
      // A swap of what is not there is answered 404 by some.
      const isGone = condition.IfMatch !== undefined && isMissingObject(vendor);
      if (isRefusal(vendor) || isGone) return { kind: 'refused' };
      throw cause;
    }
  }

  async #putWhole(
    target: { readonly Bucket: string; readonly Key: string },
    put: {
      readonly body: Uint8Array;
      readonly condition: Condition;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<string | undefined> {
    const { body, condition, signal } = put;
    const command = new PutObjectCommand({
      ...target,
      ...condition,
      ...this.#encrypted,
      Body: body,
    });
    const call = { name: 'put', isWrite: true, mayRepeat: false, signal };
    const { ETag } = await this.#calls.run(call, (abortSignal) =>
      this.#client.send(command, { abortSignal }),
    );
    return ETag;
  }

  async #deleteSome(keys: readonly string[], abortSignal: AbortSignal): Promise<void> {
    const Objects = keys.map((key) => ({ Key: this.#prefix + key }));
    const Delete = { Objects, Quiet: true };
    const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete });
    const { Errors } = await this.#client.send(command, { abortSignal });
    const failed = (Errors ?? []).filter(({ Code }) => Code !== 'NoSuchKey');
    if (failed.length === 0) return;
    const [first] = failed;
    throw Object.assign(new Error(`deletes failed. count=${failed.length}`), {
      name: first?.Code ?? 'unknown',
    });
  }
}
