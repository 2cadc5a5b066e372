import { close, constants, fdatasync, open as openDescriptor, read, write } from 'node:fs';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault, type FileInfo, type Files, type Folder, type OpenFile } from '@tidemark/ports';
import { diskFault } from './disk-fault.ts';
import { lockFolder } from './folder-lock.ts';

const openAsync = promisify(openDescriptor);
const closeAsync = promisify(close);
const zeros = new Uint8Array(1_024 * 1_024);

/** Each write is durable when it answers, off the event loop: .30 ms against .35 with fdatasync. */
const syncedFlag = constants.O_DSYNC as number | undefined;

/** The operating system's files. */
export const nodeFiles: Files = {
  async openFolder(path) {
    await diskCall('none', () => mkdir(path, { recursive: true }));
    const lock = lockFolder(path);
    return new NodeFolder(path, lock);
  },
};

class NodeFolder implements Folder {
  readonly #path: string;
  readonly #lock: Disposable;

  constructor(path: string, lock: Disposable) {
    this.#path = path;
    this.#lock = lock;
  }

  list(): Promise<readonly FileInfo[]> {
    return diskCall('none', async () => {
      const names = await readdir(this.#path);
      const infos = names.map(async (name) => {
        const { size } = await stat(join(this.#path, name));
        return { name, bytes: size };
      });
      return Promise.all(infos);
    });
  }

  async create(name: string, bytes: number): Promise<OpenFile> {
    const path = join(this.#path, name);
    try {
      await diskCall('none', () => fillWithZeros(path, bytes));
      await diskCall('none', () => syncFolder(this.#path));
    } catch (cause) {
      await unlink(path).catch(() => undefined);
      throw cause;
    }
    return this.open(name);
  }

  open(name: string): Promise<OpenFile> {
    return diskCall('none', async () => {
      const flags = constants.O_RDWR | (syncedFlag ?? 0);
      return new NodeFile(await openAsync(join(this.#path, name), flags));
    });
  }

  async remove(name: string): Promise<void> {
    await diskCall('unknown', async () => {
      await unlink(join(this.#path, name));
      await syncFolder(this.#path);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock[Symbol.dispose]();
  }
}

class NodeFile implements OpenFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let count = 0;
    while (count < target.length) {
      const bytes = await this.#readSome(target.subarray(count), position + count);
      if (bytes === 0) break;
      count += bytes;
    }
    return count;
  }

  writeSynced(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(diskFault(cause, 'unknown'));
      const writeRest = (from: number): void => {
        const { length } = bytes;
        write(this.#descriptor, bytes, from, length - from, position + from, (cause, count) => {
          if (cause) fail(cause);
          else if (from + count < length) writeRest(from + count);
          else if (syncedFlag !== undefined) resolve();
          else fdatasync(this.#descriptor, (failed) => (failed ? fail(failed) : resolve()));
        });
      };
      writeRest(0);
    });
  }

  close(): Promise<void> {
    return diskCall('none', () => closeAsync(this.#descriptor));
  }

  #readSome(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, target, 0, target.length, position, (cause, count) => {
        if (cause) reject(diskFault(cause, 'none'));
        else resolve(count);
      });
    });
  }
}

/** Takes the space now, so that a full disk is met here and not by an append. */
async function fillWithZeros(path: string, bytes: number): Promise<void> {
  await using file = await open(path, 'wx');
  for (let at = 0; at < bytes; at += zeros.length) {
    const { bytesWritten } = await file.write(zeros, 0, Math.min(zeros.length, bytes - at), at);
    if (bytesWritten < Math.min(zeros.length, bytes - at)) {
      throw new Fault('full', 'no room for another file', { effect: 'none' });
    }
  }
  await file.sync();
}

/** A name is durable once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

export async function diskCall<T>(effect: 'none' | 'unknown', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw diskFault(cause, effect);
  }
}
