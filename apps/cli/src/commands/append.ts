import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Place, type SentEvent, sessionPath } from '@tidemark/sessions-client';
import { type Call, type Command, required, UsageMistake } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { tell } from '../printing.ts';

export const append: Command = {
  name: 'append',
  summary: 'append events to a session, which the first of them makes',
  positionals: 'SESSION [FILE]',
  options: {
    text: { value: 'TEXT', help: 'one event that says this' },
    type: { value: 'TYPE', help: 'of the event of --text; user.message where nothing is said' },
    id: { value: 'ID', help: 'of the event of --text: a second one of this id is not appended' },
    expected: { value: 'SEQ', help: 'only while this is the next place' },
    thread: { value: 'ID', help: 'to a thread of the session' },
  },
  notes: ['FILE, or - for what is piped in, has an event as JSON on each line.'],
  examples: ['append hello --text "and another thing"', 'append hello events.jsonl'],
  run: async (call) => {
    const place = { session: required(call, 0, 'SESSION'), thread: call.text('thread') };
    const events: SentEvent[] = [];
    for await (const event of eventsOf(call)) events.push(event);
    const appended = await send(call, place, events);
    await tell(call, { session: place.session, appended }, `${appended} appended`);
    return exitCodes.done;
  },
};

async function send(call: Call, place: Place, events: readonly SentEvent[]): Promise<number> {
  const expected = call.count('expected');
  if (expected === undefined) return call.client.append(place, events);
  const path = `${sessionPath(place)}/events`;
  await call.client.json(path, { method: 'POST', query: { expected }, body: { events } });
  return events.length;
}

async function* eventsOf(call: Call): AsyncGenerator<SentEvent> {
  const text = call.text('text');
  const [, file] = call.positionals;
  if (text !== undefined) {
    const id = call.text('id');
    const type = call.text('type') ?? 'user.message';
    const content = [{ type: 'text', text }];
    yield { ...(id === undefined ? {} : { id }), type, content };
    return;
  }
  if (file === undefined) throw new UsageMistake('--text or FILE is missing');
  const input = file === '-' ? call.environment.stdin : createReadStream(file);
  let number = 0;
  for await (const line of createInterface({ input: input as NodeJS.ReadableStream })) {
    number += 1;
    if (line.trim() !== '') yield eventIn(line, number);
  }
}

function eventIn(line: string, number: number): SentEvent {
  try {
    return JSON.parse(line) as SentEvent;
  } catch (cause) {
    throw new UsageMistake(`line ${number} is no JSON`, { cause });
  }
}
