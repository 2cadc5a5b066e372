// Sessions of any server that speaks the managed-agents API, read through it.

import { anthropic, digestOf, sourceSessionName } from '@tidemark/agent-formats';
import { type Json, SessionsClient, sessionPath, timeMsOf } from '@tidemark/sessions-client';
import type { OpenedFile } from './line-file.ts';
import type { Transcript, TranscriptSource } from './transcript.ts';

export interface AnthropicAccess {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

const headers = {
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'managed-agents-2026-04-01',
};
const pageLimit = 100;

export function anthropicSource({ baseUrl, apiKey }: AnthropicAccess): TranscriptSource {
  const keyed = apiKey === undefined ? headers : { ...headers, 'x-api-key': apiKey };
  const client = new SessionsClient({ baseUrl });
  const list = (path: string): AsyncGenerator<Json> =>
    client.list(path, { headers: keyed, query: { limit: pageLimit, order: 'asc', beta: 'true' } });
  const reading =
    (path: string): (() => Promise<OpenedFile>) =>
    () =>
      Promise.resolve(listFile(path, list));
  return {
    name: 'anthropic',
    discover: async () => {
      const found: Transcript[] = [];
      for await (const session of list('/v1/sessions')) {
        const common = commonOf(session);
        const path = sessionPath({ session: String(session['id']) });
        found.push({ ...common, key: 'main', open: reading(`${path}/events`) });
        for await (const { id, parent_thread_id: parent, agent } of list(`${path}/threads`)) {
          // The primary thread’s events are the session’s own.
          if (parent === null || parent === undefined) continue;
          const key = String(id);
          const thread = { key, agent: agentNameIn(agent) ?? key, isTold: true } as const;
          const open = reading(`${path}/threads/${key}/events`);
          found.push({
            ...common,
            path: `${common.path} ${key}`,
            key: `thread.${key}`,
            thread,
            open,
          });
        }
      }
      return found;
    },
  };
}

function agentNameIn(agent: unknown): string | undefined {
  const name = (agent as Json | undefined)?.['name'];
  return typeof name === 'string' ? name : undefined;
}

function commonOf(session: Json): Omit<Transcript, 'key' | 'open'> {
  const id = String(session['id']);
  const { title } = session;
  const model = ((session['agent'] as Json | undefined)?.['model'] as Json | undefined)?.['id'];
  return {
    path: id,
    session: sourceSessionName('anthropic', id),
    format: anthropic,
    metadata: {
      source: 'anthropic',
      source_session: id,
      ...(typeof model === 'string' ? { models: model } : {}),
    },
    changedAtMs: timeMsOf(String(session['updated_at'])),
    ...(typeof title === 'string' ? { title } : {}),
  };
}

/** A list that only grows, as a file: the place of an event is its number. */
function listFile(path: string, list: (path: string) => AsyncGenerator<Json>): OpenedFile {
  return {
    size: Number.MAX_SAFE_INTEGER,
    head: (bytes = 1) => Promise.resolve({ bytes, digest: digestOf(path) }),
    lines: async function* (from) {
      let count = 0;
      for await (const event of list(path)) {
        count += 1;
        if (count > from) yield { text: JSON.stringify(event), endBytes: count };
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
