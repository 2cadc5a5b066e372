// Where Claude Code keeps its transcripts:
//
//   projects/<folder of the project>/<session>.jsonl
//   projects/<folder of the project>/<session>/subagents/.../agent-<id>.jsonl, with agent-<id>.meta.json beside it
//   projects/<folder of the project>/agent-<id>.jsonl in older versions: its first record names the session

import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { claudeCode, claudeSessionName } from '@tidemark/agent-formats';
import { isGone } from './gone.ts';
import { openLines } from './line-file.ts';
import type { Transcript, TranscriptSource } from './transcript.ts';

export const claudeFiles = (root: string): TranscriptSource => ({
  name: 'claude-code',
  discover: async () => {
    const projects = join(root, 'projects');
    const found: Transcript[] = [];
    for (const path of await filesUnder(projects, '.jsonl')) {
      const transcript = await transcriptOf(projects, path);
      if (transcript !== undefined) found.push(transcript);
    }
    return found.sort(
      (one, other) => Number(one.thread !== undefined) - Number(other.thread !== undefined),
    );
  },
});

/** Of a folder that is not there, none. */
export async function filesUnder(folder: string, ...ends: readonly string[]): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (cause) {
    if (isGone(cause)) return [];
    throw cause;
  }
}

async function transcriptOf(projects: string, path: string): Promise<Transcript | undefined> {
  const [project = '', second = '', ...below] = relative(projects, path).split(sep);
  const isNested = below.length > 0;
  const session = isNested ? second : basename(second, '.jsonl');
  if (!isNested && !session.startsWith('agent-')) {
    const { metadata, ...rest } = common(project, session);
    return { ...rest, path, key: 'main', metadata: { ...metadata, claude_main: '1' } };
  }
  const own = isNested ? session : await sessionInside(path);
  if (own === undefined) return undefined;
  const key = isNested ? below.join('/').replace(/\.jsonl$/, '') : `subagents/${session}`;
  const thread = { key, agent: await agentOf(path) };
  return { ...common(project, own), path, key: `thread.${key}`, thread };
}

const common = (
  project: string,
  session: string,
): Pick<Transcript, 'session' | 'format' | 'metadata'> => ({
  session: claudeSessionName(project, session),
  format: claudeCode,
  metadata: { source: 'claude-code', source_session: session, claude_project: project },
});

/** The session that a sub-agent's file belongs to, in versions that did not nest them. */
async function sessionInside(path: string): Promise<string | undefined> {
  await using file = await openLines(path);
  for await (const { text } of file.lines(0)) {
    const { sessionId } = JSON.parse(text) as { readonly sessionId?: unknown };
    return typeof sessionId === 'string' ? sessionId : undefined;
  }
  return undefined;
}

async function agentOf(path: string): Promise<string> {
  const name = basename(path, '.jsonl');
  try {
    const text = await readFile(join(dirname(path), `${name}.meta.json`), 'utf8');
    const { agentType } = JSON.parse(text) as { readonly agentType?: unknown };
    return typeof agentType === 'string' ? agentType : name;
  } catch {
    return name;
  }
}
