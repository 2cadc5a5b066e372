import { type Json, sessionPath } from '@tidemark/sessions-client';
import { type Call, type Command, UsageMistake } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { coloured, jsonLine, line } from '../printing.ts';

export const search: Command = {
  name: 'search',
  summary: 'find events by their words, over all sessions',
  positionals: 'WORDS...',
  options: {
    session: { value: 'ID', help: 'in one session' },
    limit: { value: 'N', help: 'so many hits; 20 where nothing is said' },
    grouped: { help: 'the best hit of each session' },
  },
  notes: [
    'Words are all looked for, "a phrase" as it stands, prefix* and -without; type:, tool: and error: filter.',
  ],
  examples: ['search permission denied', 'search "tool:bash error:permission" --grouped'],
  run: async (call) => {
    const q = call.positionals.join(' ');
    if (q === '') throw new UsageMistake('WORDS are missing');
    const hits = await found(call, q);
    const { out } = call.environment;
    for (const hit of hits) {
      if (call.isJson) await jsonLine(out, hit);
      else await line(out, hitLine(call, hit));
    }
    return exitCodes.done;
  },
};

const limitMax = 100;

async function found(call: Call, q: string): Promise<readonly Json[]> {
  const session = call.text('session');
  const limit = Math.min(call.count('limit') ?? 20, limitMax);
  if (session === undefined) {
    const query = { q, limit, group: call.has('grouped') ? 'session' : undefined };
    const { data } = await call.client.json<Found>('/v1/search', { query });
    return data.map((hit) => (hit['best'] as Json | undefined) ?? hit);
  }
  const path = `${sessionPath({ session })}/events`;
  const { hits, data } = await call.client.json<Found>(path, { query: { q, limit } });
  return (hits ?? []).map(({ id, ...hit }, index) => ({
    session_id: session,
    event_id: id,
    type: data[index]?.['type'],
    ...hit,
  }));
}

interface Found {
  readonly data: readonly Json[];
  readonly hits?: readonly Json[];
}

function hitLine({ environment: { out } }: Call, hit: Json): string {
  const place = coloured(out, 'yellow', `${String(hit['session_id'])}#${String(hit['seq'])}`);
  const type = coloured(out, 'dim', String(hit['type']));
  return `${place} ${type}\n    ${marked(hit, (text) => coloured(out, 'red', text))}`;
}

function marked(hit: Json, mark: (text: string) => string): string {
  const snippet = String(hit['snippet']);
  let text = '';
  let at = 0;
  for (const [start, end] of (hit['highlights'] ?? []) as readonly (readonly [number, number])[]) {
    text += snippet.slice(at, start) + mark(snippet.slice(start, end));
    at = end;
  }
  return (text + snippet.slice(at)).replaceAll('\n', ' ');
}
