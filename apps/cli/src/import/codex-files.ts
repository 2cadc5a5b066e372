// Codex's rollouts, by the day; a compressed one has the same name and another end. A sub-agent's is a
// thread of the session that began it.

import { basename, join } from 'node:path';
import { codex, parentThread, sourceSessionName } from '@tidemark/agent-formats';
import { filesUnder } from './claude-files.ts';
import { openLines } from './line-file.ts';
import type { Transcript, TranscriptSource } from './transcript.ts';

type Json = Readonly<Record<string, unknown>>;

export function codexFiles(root: string): TranscriptSource {
  const metas = new Map<string, Json>();
  const metaOf = async (path: string): Promise<Json | undefined> => {
    const known = metas.get(path) ?? (await metaIn(path));
    if (known !== undefined) metas.set(path, known);
    return known;
  };
  return {
    name: 'codex',
    discover: async () => {
      const found: Transcript[] = [];
      for (const path of await rolloutsIn(root)) {
        const meta = await metaOf(path);
        if (meta !== undefined) found.push(transcriptOf(path, meta));
      }
      return found.sort(
        (one, other) => Number(one.thread !== undefined) - Number(other.thread !== undefined),
      );
    },
  };
}

async function rolloutsIn(root: string): Promise<readonly string[]> {
  const folders = ['sessions', 'archived_sessions'].map((name) => join(root, name));
  const lists = await Promise.all(
    folders.map((folder) => filesUnder(folder, '.jsonl', '.jsonl.zst')),
  );
  const paths = new Set(lists.flat());
  return [...paths].filter((path) => !path.endsWith('.zst') || !paths.has(path.slice(0, -4)));
}

/** The first line says whose it is. */
async function metaIn(path: string): Promise<Json | undefined> {
  await using file = await openLines(path);
  for await (const { text } of file.lines(0)) {
    try {
      const record = JSON.parse(text) as Json;
      return (record['payload'] as Json | undefined) ?? record;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

const uuidInName = /([0-9a-f]{8}-[0-9a-f-]{27})\.jsonl/;

function transcriptOf(path: string, meta: Json): Transcript {
  const { id: named } = meta;
  const id = typeof named === 'string' ? named : (uuidInName.exec(path)?.[1] ?? basename(path));
  const parent = parentThread(meta);
  const session = sourceSessionName('codex', parent ?? id);
  const metadata = { source: 'codex', source_session: parent ?? id };
  if (parent === undefined) return { path, key: 'main', session, format: codex, metadata };
  const agent = [meta['agent_nickname'], meta['agent_role']].find(
    (name) => typeof name === 'string',
  );
  const thread = { key: id, agent: String(agent ?? 'sub-agent') };
  return { path, key: `thread.${id}`, session, thread, format: codex, metadata };
}
