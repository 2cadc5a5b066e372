// What OpenCode keeps, from wherever it keeps it: files in older versions, a database in newer ones.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '@tidemark/agent-formats';
import { changedAtMs, isGone } from './gone.ts';

export interface OpencodeMessage {
  readonly info: Json;
  readonly parts: readonly Json[];
}

export interface OpencodeStore {
  /** With a mark that changes whenever a message does. */
  readonly sessions: () => Promise<
    readonly { readonly info: Json; readonly changedAtMs: number }[]
  >;
  readonly messages: (session: string) => Promise<readonly OpencodeMessage[]>;
}

/** Undefined where it is gone. Rejects with a SyntaxError where it is half written. */
async function jsonIn(path: string): Promise<Json | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Json;
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw cause;
  }
}

const allIn = async (paths: readonly string[]): Promise<Json[]> =>
  (await Promise.all(paths.map(jsonIn))).filter((json) => json !== undefined);

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if (isGone(cause)) return [];
    throw cause;
  }
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await namesIn(folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));

async function unlessHalfWritten<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** A folder of files: session/<project>/<id>, message/<session>/<id>, part/<message>/<id>. */
export function opencodeFiles(storage: string): OpencodeStore {
  return {
    sessions: async () => {
      const projects = await namesIn(join(storage, 'session'));
      const lists = projects.map((project) => filesIn(join(storage, 'session', project)));
      const paths = (await Promise.all(lists)).flat();
      const sessions = paths.map(async (path) => {
        const info = await unlessHalfWritten(jsonIn(path));
        if (info === undefined) return [];
        const messages = await filesIn(join(storage, 'message', String(info['id'])));
        const times = await Promise.all([path, ...messages].map(changedAtMs));
        return [{ info, changedAtMs: Math.max(...times.map((time) => time ?? 0)) }];
      });
      return (await Promise.all(sessions)).flat();
    },
    messages: async (session) => {
      const infos = await allIn(await filesIn(join(storage, 'message', session)));
      return Promise.all(
        infos.map(async (info) => {
          const paths = await filesIn(join(storage, 'part', String(info['id'])));
          return { info, parts: await allIn(paths) };
        }),
      );
    },
  };
}

type Row = Readonly<Record<string, string | number | bigint | Uint8Array | null>>;

/** In a row ids are columns, and absent from the data. */
const joined = ({ data, ...columns }: Row, names: Readonly<Record<string, string>>): Json => ({
  ...Object.fromEntries(Object.entries(names).map(([column, name]) => [name, columns[column]])),
  ...(JSON.parse(data as string) as Json),
});

/** The database is only read, also while OpenCode writes it. */
export async function opencodeDatabase(path: string): Promise<OpencodeStore> {
  const { DatabaseSync } = await import('node:sqlite');
  const all = (query: string, ...values: readonly string[]): Row[] => {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return database.prepare(query).all(...values) as Row[];
    } finally {
      database.close();
    }
  };
  return {
    sessions: () =>
      Promise.resolve(
        all('SELECT * FROM session').map((row) => ({
          info: { ...row, parentID: row['parent_id'] },
          changedAtMs: Number(row['time_updated'] ?? 0),
        })),
      ),
    messages: (session) => {
      const parts = Map.groupBy(
        all(
          'SELECT id, message_id, session_id, data FROM part WHERE session_id = ? ORDER BY id',
          session,
        ),
        ({ message_id: message }) => message,
      );
      const rows = all(
        'SELECT id, session_id, data FROM message WHERE session_id = ? ORDER BY time_created, id',
        session,
      );
      return Promise.resolve(
        rows.map((row) => ({
          info: joined(row, { id: 'id', session_id: 'sessionID' }),
          parts: (parts.get(row['id'] ?? null) ?? []).map((part) =>
            joined(part, { id: 'id', message_id: 'messageID', session_id: 'sessionID' }),
          ),
        })),
      );
    },
  };
}
