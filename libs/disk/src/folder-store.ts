// A folder as an ObjectStore, also for several processes at once.
//
// (1) A body is written beside its place and synced before it gets its name: it is seen whole or
//     not at all. What has a name is never written again.
// (2) A name is taken by link(), which fails where there is one: of racing puts one wins.
// (3) Swaps and deletes hold the store's lock, which the kernel takes back from a dead holder; a
//     swap compares and renames under it.
// (4) An etag is the file's time in microseconds, its inode and its size. A swap's time is later
//     than that of what it replaces, so no etag comes back on a key while it is swapped.

import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  readdir,
  rename,
  rm,
  stat,
  unlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  abortedFault,
  type ByteRange,
  type Clock,
  Fault,
  isFault,
  type ObjectInfo,
  type ObjectStore,
  type PutOutcome,
  type StoredObject,
  sleep,
  throwIfAborted,
} from '@tidemark/ports';
import { diskFault } from './disk-fault.ts';
import { folderOfPrefix, keyOfSegments, segmentsOfKey } from './folder-keys.ts';
import { tryLock } from './folder-lock.ts';
import { diskCall, syncFolder } from './node-files.ts';

export interface FolderStoreSettings {
  readonly directory: string;
}

const ownFolder = '.tidemark';
const lockWaitMs = 2;
const deletesPerLock = 100;
const temporaryAgeMaxMs = 3_600_000;

/** Opens the store of a directory; other processes may have it open as well. */
export async function openFolderStore(
  components: { readonly clock: Clock },
  settings: FolderStoreSettings,
): Promise<ObjectStore> {
  const root = join(settings.directory, ownFolder);
  await diskCall('none', () => mkdir(root, { recursive: true }));
  const store = new FolderStore(components.clock, settings.directory);
  await store.prepare();
  return store;
}

class FolderStore implements ObjectStore {
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #closing = new AbortController();
  /** In this process the lock is handed on in order; only other processes are polled for. */
  #lastHolder: Promise<void> = Promise.resolve();
  #lastTimeUs = 0;

  constructor(clock: Clock, directory: string) {
    this.#clock = clock;
    this.#directory = directory;
  }

  /** Checks that times are kept finely enough for etags, and drops what a dead process left. */
  async prepare(): Promise<void> {
    const probe = await this.#writeTemporary(new Uint8Array(0), 1_700_000_000_123_457);
    const { mtimeNs } = await diskCall('none', () => stat(probe, { bigint: true }));
    await diskCall('none', () => unlink(probe));
    if (mtimeNs / 1_000n !== 1_700_000_000_123_457n) {
      throw new Fault('unsafe', 'the file system does not keep times to the microsecond', {
        effect: 'none',
      });
    }
    const folder = join(this.#directory, ownFolder);
    for await (const entry of await opendir(folder)) {
      if (!entry.name.endsWith('.tmp')) continue;
      const path = join(folder, entry.name);
      const info = await stat(path).catch(() => undefined);
      const isOld = info !== undefined && info.ctimeMs + temporaryAgeMaxMs < this.#clock.nowMs();
      if (isOld) await rm(path, { force: true });
    }
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    return this.#run(signal, async () => {
      const path = this.#pathOf(key);
      if (await exists(path)) return { kind: 'refused' };
      const temporary = await this.#writeTemporary(body, this.#nextTimeUs(0));
      try {
        throwIfAborted(signal);
        const etag = etagOf(await diskCall('none', () => stat(temporary, { bigint: true })));
        await this.#makeFolderOf(path);
        if (!(await linked(temporary, path))) return { kind: 'refused' };
        await diskCall('unknown', () => syncFolder(dirname(path)));
        return { kind: 'stored', etag };
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  compareAndSwap(
    key: string,
    write: { readonly expected: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PutOutcome> {
    return this.#run(signal, async () => {
      const path = this.#pathOf(key);
      const temporary = await this.#writeTemporary(write.body, this.#nextTimeUs(0));
      try {
        await using _held = await this.#lock(signal);
        const found = await statOf(path);
        if (found === undefined || etagOf(found) !== write.expected) return { kind: 'refused' };
        const timeUs = this.#nextTimeUs(Number(found.mtimeNs / 1_000n) + 1);
        await diskCall('none', () => utimes(temporary, secondsOf(timeUs), secondsOf(timeUs)));
        const etag = etagOf(await diskCall('none', () => stat(temporary, { bigint: true })));
        await diskCall('unknown', () => rename(temporary, path));
        await diskCall('unknown', () => syncFolder(dirname(path)));
        return { kind: 'stored', etag };
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#run(signal, () => this.#readObject(key, undefined));
  }

  getRange(key: string, range: ByteRange, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#run(signal, () => this.#readObject(key, range));
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#run(signal, () => this.#infoOf(key));
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const folder = folderOfPrefix(prefix);
    const keys = await this.#run(signal, () => this.#keysBelow(folder));
    const matching = keys.filter((key) => key.startsWith(prefix)).map(withBytes);
    matching.sort((one, other) => Buffer.compare(one.bytes, other.bytes));
    for (const { key } of matching) {
      const info = await this.#run(signal, () => this.#infoOf(key));
      if (info !== undefined) yield info;
    }
  }

  deleteMany(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.#run(signal, async () => {
      for (let at = 0; at < keys.length; at += deletesPerLock) {
        throwIfAborted(signal);
        await this.#deleteSome(keys.slice(at, at + deletesPerLock), signal);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#lastHolder;
  }

  async #deleteSome(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    await using _held = await this.#lock(signal);
    const folders = new Set<string>();
    for (const key of keys) {
      const path = this.#pathOf(key);
      const isGone = await ignoreMissing(unlink(path).then(() => true));
      if (isGone === true) folders.add(dirname(path));
    }
    for (const folder of folders) await diskCall('unknown', () => syncFolder(folder));
  }

  async #run<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    if (this.#closing.signal.aborted) throw abortedFault(this.#closing.signal);
    return call();
  }

  #pathOf(key: string): string {
    return join(this.#directory, ...segmentsOfKey(key));
  }

  /** Strictly later than the last one of this process, and not before a given time. */
  #nextTimeUs(notBeforeUs: number): number {
    const nowUs = Math.floor((performance.timeOrigin + performance.now()) * 1_000);
    this.#lastTimeUs = Math.max(nowUs, this.#lastTimeUs + 1, notBeforeUs);
    return this.#lastTimeUs;
  }

  async #writeTemporary(body: Uint8Array, timeUs: number): Promise<string> {
    const name = `${randomBytes(12).toString('hex')}.tmp`;
    const path = join(this.#directory, ownFolder, name);
    await diskCall('none', async () => {
      await using file = await open(path, 'wx');
      await file.writeFile(body);
      await file.utimes(secondsOf(timeUs), secondsOf(timeUs));
      await file.sync();
    });
    return path;
  }

  /** Each folder is durable in the one above it before anything is named in it. */
  async #makeFolderOf(path: string): Promise<void> {
    const folder = dirname(path);
    await diskCall('none', async () => {
      const firstMade = await mkdir(folder, { recursive: true });
      if (firstMade === undefined) return;
      for (let made = folder; made.length >= firstMade.length; made = dirname(made)) {
        await syncFolder(dirname(made));
      }
    });
  }

  async #readObject(key: string, range: ByteRange | undefined): Promise<StoredObject | undefined> {
    const file = await ignoreMissing(open(this.#pathOf(key), constants.O_RDONLY));
    if (file === undefined) return undefined;
    return diskCall('none', async () => {
      await using opened = file;
      const found = await opened.stat({ bigint: true });
      if (!found.isFile()) return undefined;
      const bytes = Number(found.size);
      const firstByte = Math.min(range?.firstByte ?? 0, bytes);
      const endByte = Math.max(firstByte, Math.min(range?.endByte ?? bytes, bytes));
      return { body: await readBytes(opened, firstByte, endByte), etag: etagOf(found) };
    });
  }

  async #infoOf(key: string): Promise<ObjectInfo | undefined> {
    const found = await statOf(this.#pathOf(key));
    return found && { key, etag: etagOf(found), bytes: Number(found.size) };
  }

  async #keysBelow(folder: readonly string[]): Promise<string[]> {
    const path = join(this.#directory, ...folder);
    const entries = await ignoreMissing(readdir(path, { withFileTypes: true }));
    const keys: string[] = [];
    for (const entry of entries ?? []) {
      const segments = [...folder, entry.name];
      if (entry.isFile()) keys.push(keyOfSegments(segments));
      else if (entry.name !== ownFolder) keys.push(...(await this.#keysBelow(segments)));
    }
    return keys;
  }

  /** Waits for its turn in this process, then for other processes. */
  async #lock(signal: AbortSignal | undefined): Promise<AsyncDisposable> {
    const before = this.#lastHolder;
    const turn = Promise.withResolvers<void>();
    this.#lastHolder = before.then(() => turn.promise);
    await before;
    try {
      const path = join(this.#directory, ownFolder, 'lock');
      for (;;) {
        const held = tryLock(path);
        if (held !== undefined) {
          const release = async (): Promise<void> => {
            held[Symbol.dispose]();
            turn.resolve();
          };
          return { [Symbol.asyncDispose]: release };
        }
        await sleep(this.#clock, lockWaitMs * (0.5 + Math.random()), signal);
      }
    } catch (cause) {
      turn.resolve();
      throw cause;
    }
  }
}

/** In the middle of the microsecond: a double of today's seconds is exact to a quarter of one. */
const secondsOf = (timeUs: number): number => (timeUs + 0.5) / 1_000_000;

const etagOf = ({ mtimeNs, ino, size }: BigIntStats): string =>
  `"${(mtimeNs / 1_000n).toString(36)}-${ino.toString(36)}-${size.toString(36)}"`;

const withBytes = (key: string): { readonly key: string; readonly bytes: Buffer } => ({
  key,
  bytes: Buffer.from(key),
});

async function statOf(path: string): Promise<BigIntStats | undefined> {
  const found = await ignoreMissing(stat(path, { bigint: true }));
  return found?.isFile() ? found : undefined;
}

const exists = async (path: string): Promise<boolean> => (await statOf(path)) !== undefined;

async function linked(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw diskFault(cause, 'none');
  }
}

async function readBytes(
  file: FileHandle,
  firstByte: number,
  endByte: number,
): Promise<Uint8Array> {
  const body = new Uint8Array(endByte - firstByte);
  let count = 0;
  while (count < body.length) {
    const { bytesRead } = await file.read(body, count, body.length - count, firstByte + count);
    if (bytesRead === 0) break;
    count += bytesRead;
  }
  return body.subarray(0, count);
}

/** Undefined where there is no such name, or where a name on the way is no folder. */
async function ignoreMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (cause) {
    const fault = isFault(cause) ? cause : diskFault(cause, 'unknown');
    const code = (cause as NodeJS.ErrnoException).code;
    if (fault.reason === 'missing' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw fault;
  }
}
