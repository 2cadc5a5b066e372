// OpenCode's sessions as transcripts: a session with its messages and their parts, up to the first message that
// is not over. A child session is a thread of the one at the root.

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Json,
  type OpencodeRecord,
  opencode,
  sourceSessionName,
} from '@tidemark/agent-formats';
import {
  type OpencodeMessage,
  type OpencodeStore,
  opencodeDatabase,
  opencodeFiles,
} from './opencode-store.ts';
import { recordFile } from './record-file.ts';
import type { Transcript, TranscriptSource } from './transcript.ts';

export const opencodeSource = (
  root: string,
  timeTextOf: (atMs: number) => string,
): TranscriptSource => ({
  name: 'opencode',
  discover: async () => {
    const found: Transcript[] = [];
    for (const store of await storesIn(root))
      found.push(...(await transcriptsIn(store, timeTextOf)));
    return found.sort(
      (one, other) => Number(one.thread !== undefined) - Number(other.thread !== undefined),
    );
  },
});

async function storesIn(root: string): Promise<OpencodeStore[]> {
  const database = join(root, 'opencode.db');
  const stores = [opencodeFiles(join(root, 'storage'))];
  try {
    await access(database);
  } catch {
    return stores;
  }
  return [await opencodeDatabase(database), ...stores];
}

type TimeText = (atMs: number) => string;

async function transcriptsIn(store: OpencodeStore, timeTextOf: TimeText): Promise<Transcript[]> {
  const sessions = await store.sessions();
  const parents = new Map(sessions.map(({ info }) => [String(info['id']), parentOf(info)]));
  return sessions.map(({ info, changedAtMs }) => {
    const id = String(info['id']);
    const root = rootOf(id, parents);
    const open = async (): Promise<ReturnType<typeof recordFile>> => {
      const messages = await store.messages(id);
      return recordFile(recordsOf(info, messages, timeTextOf));
    };
    const common = {
      path: id,
      open,
      session: sourceSessionName('opencode', root),
      format: opencode,
      metadata: { source: 'opencode', source_session: root },
      changedAtMs,
    };
    if (root === id) {
      const { title } = info;
      return { ...common, key: 'main', ...(typeof title === 'string' ? { title } : {}) };
    }
    const agent = [info['agent'], info['title']].find((name) => typeof name === 'string');
    return { ...common, key: `thread.${id}`, thread: { key: id, agent: String(agent ?? id) } };
  });
}

const parentOf = ({ parentID }: Json): string | undefined =>
  typeof parentID === 'string' && parentID !== '' ? parentID : undefined;

/** A parent that is not there, or a circle, ends the way up. */
function rootOf(id: string, parents: ReadonlyMap<string, string | undefined>): string {
  const seen = new Set<string>();
  let root = id;
  for (
    let up = parents.get(root);
    up !== undefined && !seen.has(up) && parents.has(up);
    up = parents.get(root)
  ) {
    seen.add(root);
    root = up;
  }
  return root;
}

function recordsOf(
  info: Json,
  messages: readonly OpencodeMessage[],
  timeTextOf: TimeText,
): OpencodeRecord[] {
  const created = (value: Json): number | undefined => {
    const time = value['time'] as Json | undefined;
    const atMs = time?.['created'] ?? time?.['start'] ?? value['time_created'];
    return typeof atMs === 'number' ? atMs : undefined;
  };
  const textAt = (atMs: number | undefined): string | undefined =>
    atMs === undefined ? undefined : timeTextOf(atMs);
  const records: OpencodeRecord[] = [
    { kind: 'session', id: String(info['id']), time: textAt(created(info)), value: info },
  ];
  const inOrder = [...messages].sort(
    (one, other) => (created(one.info) ?? 0) - (created(other.info) ?? 0),
  );
  for (const { info: message, parts } of inOrder) {
    if (!isOver(message)) break;
    const time = textAt(created(message));
    const role = message['role'] === 'assistant' ? 'assistant' : 'user';
    records.push({ kind: 'message', id: String(message['id']), time, value: message });
    for (const value of parts) {
      records.push({ kind: 'part', id: String(value['id']), time, role, value });
    }
  }
  const revert = revertIn(info);
  if (revert !== undefined) {
    const id = `revert:${String(revert['partID'] ?? revert['messageID'])}`;
    records.push({ kind: 'revert', id, time: undefined, value: revert });
  }
  return records;
}

/** In the database it is a column of JSON. */
function revertIn({ revert }: Json): Json | undefined {
  const value: unknown = typeof revert === 'string' ? JSON.parse(revert) : revert;
  const isOne = typeof value === 'object' && value !== null && 'messageID' in value;
  return isOne ? (value as Json) : undefined;
}

/** What the agent is still at may change. */
function isOver({ role, time, error }: Json): boolean {
  const completed = (time as Json | undefined)?.['completed'];
  return role !== 'assistant' || completed !== undefined || (error !== undefined && error !== null);
}
