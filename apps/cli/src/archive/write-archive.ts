import type { Json, SessionsClient } from '@tidemark/sessions-client';
import { sessionPath } from '@tidemark/sessions-client';
import { rawEvents, streamHead } from './raw-events.ts';
import { type ArchivePart, EventDigest, eventLineOf } from './session-archive.ts';

/** What a session may be made with again. */
const profileNames = [
  'title',
  'agent',
  'metadata',
  'environment_id',
  'resources',
  'vault_ids',
  'budget',
  'limits',
];

/** The lines of a session's archive; undefined where there is no such session. */
export async function* archiveLines(
  client: SessionsClient,
  session: string,
): AsyncGenerator<string> {
  const digest = new EventDigest();
  for (const part of ['', ...(await threadsOf(client, session))]) {
    const name = `${session}${part}`;
    const head = await streamHead(client, name);
    if (head === undefined) continue;
    yield JSON.stringify(await partOf(client, { session, part }, head));
    let seq = 0;
    for await (const body of rawEvents(client, name, head)) {
      yield eventLineOf(seq, body, head.isJson);
      digest.add(body);
      seq += 1;
    }
  }
  yield JSON.stringify({ end: digest.end() });
}

async function threadsOf(client: SessionsClient, session: string): Promise<readonly string[]> {
  const parts: string[] = [];
  for await (const { id, parent_thread_id: parent } of client.list(
    `${sessionPath({ session })}/threads`,
  )) {
    if (parent !== null) parts.push(`~${String(id)}`);
  }
  return parts;
}

async function partOf(
  client: SessionsClient,
  { session, part }: { readonly session: string; readonly part: string },
  head: { readonly contentType: string; readonly isJson: boolean; readonly isClosed: boolean },
): Promise<ArchivePart> {
  const path = sessionPath({ session: `${session}${part}` });
  const known = await client.json<Json>(path);
  const { data } = await client.json<{ readonly data: ArchivePart['facts'] }>(`${path}/facts`);
  const profile = Object.fromEntries(
    profileNames.flatMap((name) => (isGiven(known[name]) ? [[name, known[name]]] : [])),
  );
  return {
    part,
    content_type: head.contentType,
    is_closed: head.isClosed,
    profile: head.isJson ? profile : null,
    facts: data.map(({ key, value }) => ({ key, value })),
    archived: typeof known['archived_at'] === 'string',
  };
}

const unspecified: ReadonlySet<unknown> = new Set([null, undefined, 'env_unspecified']);

/** What a session tells though nobody gave it is not given again. */
const isGiven = (value: unknown): boolean =>
  !unspecified.has(value) && (value as Json)['id'] !== 'agent_unspecified';
