// What a model can do here. Results are short, and say where more is: a model pays for every word.

import {
  type Json,
  type Place,
  type SessionsClient,
  type StoredEvent,
  sessionPath,
} from '@tidemark/sessions-client';
import { eventText, wordOf } from './event-text.ts';

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly isWrite: boolean;
  readonly inputSchema: { readonly type: 'object'; readonly [field: string]: unknown };
  readonly call: (client: SessionsClient, input: Json) => Promise<string>;
}

/** The input is not what the schema says; told to the model, which can do better. */
export class InputMistake extends Error {}

const charsPerToken = 4;
const tokensDefault = 4_000;
const tokensMax = 50_000;
const eventCharsMax = 2_000;
const hitsDefault = 10;

const text = (description: string): Json => ({ type: 'string', description });
const count = (description: string): Json => ({ type: 'integer', minimum: 0, description });

const schema = (
  properties: Readonly<Record<string, Json>>,
  ...required: readonly string[]
): Tool['inputSchema'] => ({ type: 'object', properties, required, additionalProperties: false });

function textIn(input: Json, name: string): string {
  const value = input[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new InputMistake(`${name} is a text that is not empty`);
}

function countIn(input: Json, name: string): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw new InputMistake(`${name} is a whole number`);
}

async function searchSessions(client: SessionsClient, input: Json): Promise<string> {
  const q = textIn(input, 'query');
  const limit = Math.min(countIn(input, 'limit') ?? hitsDefault, 50);
  const session = input['session_id'];
  const isOne = typeof session === 'string' && session !== '';
  const path = isOne ? `${sessionPath({ session })}/events` : '/v1/search';
  const found = await client.json<{
    readonly data: readonly Json[];
    readonly hits?: readonly Json[];
    readonly next_page: string | null;
  }>(path, { query: { q, limit } });
  const hits = isOne
    ? (found.hits ?? []).map((hit) => ({ session_id: session, ...hit }))
    : found.data;
  if (hits.length === 0) return 'Nothing was found. Fewer or other words may find more.';
  const lines = hits.map((hit: Json) => {
    const snippet = String(hit['snippet']).replaceAll(/\s+/g, ' ').slice(0, 400);
    return `${String(hit['session_id'])} seq ${String(hit['seq'])}: ${snippet}`;
  });
  const more = found.next_page === null ? '' : '\nThere are more hits: raise limit, or say more.';
  return `${lines.join('\n')}${more}\nread_session with session_id and around=seq shows what stands around a hit.`;
}

export async function readSession(client: SessionsClient, input: Json): Promise<string> {
  const session = textIn(input, 'session_id');
  const thread = typeof input['thread_id'] === 'string' ? input['thread_id'] : undefined;
  const tokens = Math.min(countIn(input, 'max_tokens') ?? tokensDefault, tokensMax);
  const about = await client.json(sessionPath({ session }));
  const head = `${session}: ${titleOf(about)}, ${String(about['event_count'])} events`;
  const lines = [head];
  let left = tokens * charsPerToken - head.length;
  for await (const { seq, event } of placed(client, { session, thread }, sliceOf(input))) {
    const line = `${seq} ${event.type}: ${cut(eventText(event))}`;
    if (line.length > left && lines.length > 1) {
      lines.push(`... cut at max_tokens: go on with from_seq=${seq}`);
      break;
    }
    lines.push(line.slice(0, Math.max(left, 200)));
    left -= line.length;
  }
  return lines.join('\n');
}

interface Placed {
  readonly seq: number;
  readonly event: StoredEvent;
}

/** Events with where each stands. */
async function* placed(
  client: SessionsClient,
  place: Place,
  { from, to, last }: Slice,
): AsyncGenerator<Placed> {
  const slice = { from_seq: from, to_seq: to, last };
  let page: string | undefined;
  do {
    const query = { ...slice, limit: pageEvents, seqs: 'true', page };
    const listed = await client.json<ListedEvents>(`${sessionPath(place)}/events`, { query });
    for (const [index, event] of listed.data.entries()) {
      yield { seq: listed.seqs[index] ?? 0, event };
    }
    page = listed.next_page ?? undefined;
  } while (page !== undefined);
}

const pageEvents = 100;

interface ListedEvents {
  readonly data: readonly StoredEvent[];
  readonly seqs: readonly number[];
  readonly next_page: string | null;
}

interface Slice {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly last: number | undefined;
}

const aroundDefault = 5;
const lastDefault = 20;

function sliceOf(input: Json): Slice {
  const around = countIn(input, 'around');
  const context = countIn(input, 'context') ?? aroundDefault;
  if (around !== undefined) {
    return { from: Math.max(0, around - context), to: around + context + 1, last: undefined };
  }
  const from = countIn(input, 'from_seq');
  if (from !== undefined) return { from, to: undefined, last: undefined };
  return { from: undefined, to: undefined, last: countIn(input, 'last') ?? lastDefault };
}

const titleOf = ({ title }: Json): string => wordOf(title) || 'no title';

const cut = (words: string): string =>
  words.length > eventCharsMax
    ? `${words.slice(0, eventCharsMax)} ... (${words.length} characters)`
    : words;

interface Listed extends Json {
  readonly id: string;
  readonly title: string | null;
}

interface ListedSessions {
  readonly data: readonly Listed[];
  readonly next_page: string | null;
}

type Query = Readonly<Record<string, string | number | undefined>>;

export const listedSessions = (client: SessionsClient, query: Query): Promise<ListedSessions> =>
  client.json('/v1/sessions', { query });

async function listSessions(client: SessionsClient, input: Json): Promise<string> {
  const limit = Math.min(countIn(input, 'limit') ?? 20, 100);
  const metadata = Object.entries((input['metadata'] ?? {}) as Json).map(
    ([key, value]) => [`metadata[${key}]`, String(value)] as const,
  );
  const { data } = await listedSessions(client, { limit, ...Object.fromEntries(metadata) });
  const lines = data.map(
    ({ id, title, status, event_count, updated_at }) =>
      `${id} (${String(status)}, ${String(event_count)} events, ${String(updated_at)}): ${titleOf({ title })}`,
  );
  return lines.length === 0 ? 'There are no sessions.' : lines.join('\n');
}

async function appendEvent(client: SessionsClient, input: Json): Promise<string> {
  const session = textIn(input, 'session_id');
  const type = textIn(input, 'type');
  const words = textIn(input, 'text');
  await client.append({ session }, [{ type, content: [{ type: 'text', text: words }] }]);
  return `Appended to ${session}.`;
}

async function getFacts(client: SessionsClient, input: Json): Promise<string> {
  const path = `${sessionPath({ session: textIn(input, 'session_id') })}/facts`;
  const { data } = await client.json<{ readonly data: readonly Json[] }>(path);
  const wanted = input['key'];
  const facts = data.filter(({ key }) => wanted === undefined || key === wanted);
  const lines = facts.map(
    ({ key, version, value }) =>
      `${String(key)} (version ${String(version)}): ${JSON.stringify(value)}`,
  );
  return lines.length === 0 ? 'There is no such fact.' : lines.join('\n').slice(0, 40_000);
}

async function putFact(client: SessionsClient, input: Json): Promise<string> {
  const [session, key] = [textIn(input, 'session_id'), textIn(input, 'key')];
  const version = countIn(input, 'version');
  const headers: Record<string, string> = {};
  if (version === 0) headers['if-none-match'] = '*';
  else if (version !== undefined) headers['if-match'] = `"${version}"`;
  const path = `${sessionPath({ session })}/facts/${encodeURIComponent(key)}`;
  const body = JSON.stringify(input['value'] ?? null);
  const put = await client.json(path, { method: 'PUT', headers, body });
  return `${key} is at version ${String(put['version'])}.`;
}

const session = text('as list_sessions and search_sessions tell it');

export const tools: readonly Tool[] = [
  {
    name: 'search_sessions',
    description:
      'Find events by their words, over the sessions of all agents, or in one. "a phrase", prefix*, -without, tool:NAME and error:WORD narrow it.',
    isWrite: false,
    inputSchema: schema(
      {
        query: text('words to look for'),
        session_id: text('only in this session'),
        limit: count('hits; 10 where nothing is said, 50 at most'),
      },
      'query',
    ),
    call: searchSessions,
  },
  {
    name: 'read_session',
    description:
      'Read events of a session: around a hit, from a place on, or the last ones. Says where to go on when it is cut.',
    isWrite: false,
    inputSchema: schema(
      {
        session_id: session,
        around: count('the seq of a hit: what stands around it'),
        context: count('events on each side of around; 5 where nothing is said'),
        from_seq: count('from this place on'),
        last: count('the last so many; 20 where nothing is said'),
        thread_id: text('a thread of the session'),
        max_tokens: count('about so many at most; 4000 where nothing is said'),
      },
      'session_id',
    ),
    call: readSession,
  },
  {
    name: 'list_sessions',
    description: 'The newest sessions, with what they are about.',
    isWrite: false,
    inputSchema: schema({
      limit: count('20 where nothing is said, 100 at most'),
      metadata: { type: 'object', additionalProperties: { type: 'string' } },
    }),
    call: listSessions,
  },
  {
    name: 'get_facts',
    description: 'Durable facts of a session: small values by key, with their versions.',
    isWrite: false,
    inputSchema: schema({ session_id: session, key: text('only this one') }, 'session_id'),
    call: getFacts,
  },
  {
    name: 'append_event',
    description: 'Append an event with a text to a session.',
    isWrite: true,
    inputSchema: schema(
      { session_id: session, type: text('user.message, say'), text: text('what it says') },
      'session_id',
      'type',
      'text',
    ),
    call: appendEvent,
  },
  {
    name: 'put_fact',
    description:
      'Put a durable fact. With version only in place of that one; 0: only where there is none.',
    isWrite: true,
    inputSchema: schema(
      {
        session_id: session,
        key: text('of the fact'),
        value: { description: 'any JSON' },
        version: count('the one that it replaces'),
      },
      'session_id',
      'key',
      'value',
    ),
    call: putFact,
  },
];
