// Follows one session over its stream, or all that a filter finds. The latter asks for the list again and
// again, and reads of each session what has come: one connection, however many sessions there are.

import { setTimeout as delay } from 'node:timers/promises';
import { isProblem, type Json, sessionPath } from '@tidemark/sessions-client';
import type { Call, Command } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { coloured, eventLine, jsonLine, line } from '../printing.ts';
import { filterOf } from './sessions.ts';

export const tail: Command = {
  name: 'tail',
  summary: 'follow a session, or all of them',
  positionals: '[SESSION]',
  options: {
    beginning: { help: 'from the first event on, not from now' },
    type: { value: 'TYPE', isList: true, help: 'events of this type' },
    thread: { value: 'ID', help: 'of a thread of the session' },
    metadata: {
      value: 'KEY=VALUE',
      isList: true,
      help: 'without SESSION: those with this metadata',
    },
    agent: { value: 'ID', help: 'without SESSION: those of one agent' },
    status: { value: 'STATUS', isList: true, help: 'without SESSION: those in this status' },
    count: { value: 'N', help: 'ends after N events' },
    full: { help: 'long texts uncut' },
  },
  notes: ['With --json each line is an event; without SESSION it is {session_id, event}.'],
  examples: ['tail hello --beginning --count 1', 'tail hello --type agent.message'],
  run: async (call) => {
    const [session] = call.positionals;
    const left = { events: call.count('count') ?? Infinity };
    if (session === undefined) return followAll(call, left);
    const { environment, client } = call;
    const place = { session, thread: call.text('thread') };
    await client.json(sessionPath({ session }));
    const follow = {
      after: call.has('beginning') ? 'start' : 'now',
      types: call.texts('type'),
      signal: environment.signal,
    };
    for await (const event of client.follow(place, follow)) {
      await tell(call, undefined, event);
      left.events -= 1;
      if (left.events <= 0) break;
    }
    return exitCodes.done;
  },
};

interface Left {
  events: number;
}

async function tell(call: Call, session: string | undefined, event: Json): Promise<void> {
  const { out } = call.environment;
  if (call.isJson) {
    await jsonLine(out, session === undefined ? event : { session_id: session, event });
    return;
  }
  const prefix = session === undefined ? '' : `${coloured(out, 'yellow', session)} `;
  await line(out, eventLine(out, event, { isFull: call.has('full'), prefix }));
}

const pauseMs = 1_000;

async function followAll(call: Call, left: Left): Promise<typeof exitCodes.done> {
  const { client, environment } = call;
  const query = { ...filterOf(call), limit: 1_000 };
  const seen = new Map<string, number>();
  const isLate = call.has('beginning');
  for (let round = 0; ; round += 1) {
    for await (const { id, event_count } of client.list('/v1/sessions', { query })) {
      const [name, end] = [String(id), Number(event_count)];
      const from = seen.get(name) ?? (round === 0 && !isLate ? end : 0);
      seen.set(name, end);
      if (end <= from) continue;
      await tellNew(call, { session: name, from, end, left });
      if (left.events <= 0) return exitCodes.done;
    }
    await delay(pauseMs, undefined, { signal: environment.signal });
  }
}

interface News {
  readonly session: string;
  readonly from: number;
  readonly end: number;
  readonly left: Left;
}

async function tellNew(call: Call, { session, from, end, left }: News): Promise<void> {
  const slice = { from_seq: from, to_seq: end, 'types[]': call.texts('type') };
  try {
    for await (const event of call.client.events({ session }, slice)) {
      await tell(call, session, event);
      left.events -= 1;
      if (left.events <= 0) return;
    }
  } catch (cause) {
    // It was deleted in between.
    if (!(isProblem(cause) && cause.status === 404)) throw cause;
  }
}
