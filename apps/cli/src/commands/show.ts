import { wordOf } from '@tidemark/mcp';
import { sessionPath } from '@tidemark/sessions-client';
import { type Call, type Command, required } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { coloured, eventLine, jsonLine, line } from '../printing.ts';

export const show: Command = {
  name: 'show',
  summary: 'a session and its events',
  positionals: 'SESSION',
  options: {
    last: { value: 'N', help: 'the last N events only' },
    from: { value: 'SEQ', help: 'from this place on' },
    to: { value: 'SEQ', help: 'up to this place, which is left out' },
    type: { value: 'TYPE', isList: true, help: 'events of this type' },
    thread: { value: 'ID', help: 'the events of a thread' },
    full: { help: 'long texts uncut' },
  },
  notes: ['With --json the first line is the session, each other one an event.'],
  examples: ['show hello', 'show hello --last 10 --full', 'show hello --type agent.message --json'],
  run: async (call) => {
    const { environment, client, isJson } = call;
    const { out } = environment;
    const place = { session: required(call, 0, 'SESSION'), thread: call.text('thread') };
    const slice = sliceOf(call);
    const session = await client.json(sessionPath({ session: place.session }));
    if (isJson) await jsonLine(out, session);
    else await line(out, headOf(call, session));
    for await (const event of client.events(place, slice)) {
      if (isJson) await jsonLine(out, event);
      else await line(out, eventLine(out, event, { isFull: call.has('full') }));
    }
    return exitCodes.done;
  },
};

function sliceOf(
  call: Call,
): Readonly<Record<string, string | number | readonly string[] | undefined>> {
  return {
    last: call.count('last'),
    from_seq: call.count('from'),
    to_seq: call.count('to'),
    'types[]': call.texts('type'),
  };
}

function headOf(
  { environment: { out } }: Call,
  session: Readonly<Record<string, unknown>>,
): string {
  const { id, title, status, event_count, created_at, metadata } = session;
  const pairs = Object.entries(metadata as Readonly<Record<string, string>>);
  return [
    `${coloured(out, 'yellow', String(id))}${title === null ? '' : `  ${wordOf(title)}`}`,
    coloured(
      out,
      'dim',
      `${String(status)}, ${String(event_count)} events, since ${String(created_at)}`,
    ),
    ...pairs.map(([key, value]) => coloured(out, 'dim', `${key}: ${value}`)),
  ].join('\n');
}
