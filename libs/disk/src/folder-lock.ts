// A lock that the kernel takes back when its holder dies, by SIGKILL too. Node has no call for one;
// SQLite, which it carries, takes one on its file. The file itself stays empty.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '@tidemark/ports';

const sqliteBusy = 5;

export function lockFolder(path: string): Disposable {
  const lock = tryLock(join(path, 'lock'));
  if (lock !== undefined) return lock;
  throw new Fault('locked', `folder is held by another process. path=${path}`, { effect: 'none' });
}

/** Undefined where somebody holds it, in this process or another. */
export function tryLock(path: string): Disposable | undefined {
  // No time-out of SQLite's own: it would block the event loop.
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if ((cause as { readonly errcode?: number }).errcode === sqliteBusy) return undefined;
    throw new Fault('unavailable', `cannot lock. path=${path}`, { effect: 'none', cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}
