import { wordOf } from '@tidemark/mcp';
import type { Json } from '@tidemark/sessions-client';
import { type Call, type Command, UsageMistake } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { jsonLine, line, table } from '../printing.ts';

export const sessions: Command = {
  name: 'sessions',
  summary: 'list sessions, the newest first',
  positionals: '',
  options: {
    status: { value: 'STATUS', isList: true, help: 'idle, running, rescheduling or terminated' },
    agent: { value: 'ID', help: 'of one agent' },
    metadata: { value: 'KEY=VALUE', isList: true, help: 'with this in its metadata' },
    limit: { value: 'N', help: 'so many at most; 20 where nothing is said' },
    oldest: { help: 'the oldest first' },
    archived: { help: 'archived ones as well' },
  },
  examples: ['sessions', 'sessions --metadata source=claude-code --limit 5', 'sessions --json'],
  run: async (call) => {
    const { environment, isJson } = call;
    const rows: string[][] = [['SESSION', 'STATUS', 'EVENTS', 'UPDATED', 'TITLE']];
    for await (const session of listed(call)) {
      if (isJson) await jsonLine(environment.out, session);
      else rows.push(rowOf(session));
    }
    if (!isJson) await line(environment.out, table(rows));
    return exitCodes.done;
  },
};

const listLimit = 20;
const pageMax = 1_000;

/** What of the list is asked for. */
export function filterOf(call: Call): Readonly<Record<string, string | readonly string[]>> {
  const pairs = call.texts('metadata').map((pair) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || value === undefined) throw new UsageMistake('--metadata is KEY=VALUE');
    return [`metadata[${key}]`, value] as const;
  });
  const agent = call.text('agent');
  return {
    ...Object.fromEntries(pairs),
    'statuses[]': call.texts('status'),
    ...(agent === undefined ? {} : { agent_id: agent }),
  };
}

async function* listed(call: Call): AsyncGenerator<Json> {
  let left = call.count('limit') ?? listLimit;
  const query = {
    ...filterOf(call),
    limit: Math.max(1, Math.min(left, pageMax)),
    order: call.has('oldest') ? 'asc' : 'desc',
    include_archived: call.has('archived') ? 'true' : undefined,
  };
  for await (const session of call.client.list('/v1/sessions', { query })) {
    if (left <= 0) return;
    left -= 1;
    yield session;
  }
}

const rowOf = ({ id, status, event_count, updated_at, title }: Json): string[] => [
  String(id),
  String(status),
  String(event_count),
  String(updated_at).slice(0, 19),
  wordOf(title),
];
