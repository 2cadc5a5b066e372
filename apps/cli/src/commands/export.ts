import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { digestOf, RecordRestorer } from '@tidemark/agent-formats';
import { SessionSpans, tracesOf } from '@tidemark/otlp';
import { sessionPath } from '@tidemark/sessions-client';
import { archiveLines } from '../archive/write-archive.ts';
import { type Call, type Command, required } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { line } from '../printing.ts';

export const exporting: Command = {
  name: 'export',
  summary: 'a session’s events as JSON lines, or the records that it was imported from',
  positionals: 'SESSION',
  options: {
    records: { help: 'the records of its source, as they were' },
    spans: {
      help: 'as OpenTelemetry’s spans: requests, calls and turns, a line of OTLP JSON for some',
    },
    archive: { help: 'whole, with its threads, facts and what it was made with: import archive' },
    thread: { value: 'ID', help: 'of a thread of the session' },
    out: { value: 'FILE', help: 'to a file, not to the output' },
  },
  examples: ['export hello', 'export hello --spans', 'export hello --archive --out hello.archive'],
  run: async (call) => {
    const session = required(call, 0, 'SESSION');
    await call.client.json(sessionPath({ session }));
    const count = await writeAll(call, linesOf(call, session));
    const file = call.text('out');
    if (file !== undefined) await line(call.environment.err, `${count} lines in ${file}`);
    return exitCodes.done;
  },
};

async function* linesOf(call: Call, session: string): AsyncGenerator<string> {
  if (call.has('archive')) {
    yield* archiveLines(call.client, session);
    return;
  }
  const place = { session, thread: call.text('thread') };
  if (call.has('spans')) {
    yield* spanLines(call, place);
    return;
  }
  const restorer = new RecordRestorer();
  const isRecords = call.has('records');
  for await (const event of call.client.events(place)) {
    if (!isRecords) {
      yield JSON.stringify(event);
      continue;
    }
    const restored = restorer.take(event);
    if (restored === undefined) continue;
    const { record } = restored;
    // What was no JSON was kept as its text.
    yield typeof record === 'string' ? record : JSON.stringify(record);
  }
}

const spansALine = 200;

async function* spanLines(
  { client, environment }: Call,
  place: { readonly session: string; readonly thread: string | undefined },
): AsyncGenerator<string> {
  const { timeMsOf } = environment;
  const spans = new SessionSpans({ session: place.session, digest: digestOf, timeMsOf });
  let told: Readonly<Record<string, unknown>>[] = [];
  for await (const event of client.events(place)) {
    const span = spans.take(event);
    if (span !== undefined) told.push(span);
    if (told.length < spansALine) continue;
    yield JSON.stringify(tracesOf(told));
    told = [];
  }
  if (told.length > 0) yield JSON.stringify(tracesOf(told));
}

async function writeAll(call: Call, lines: AsyncIterable<string>): Promise<number> {
  const file = call.text('out');
  const stream = file === undefined ? undefined : createWriteStream(file);
  let count = 0;
  for await (const text of lines) {
    count += 1;
    if (stream === undefined) await line(call.environment.out, text);
    else if (!stream.write(`${text}\n`)) await once(stream, 'drain');
  }
  if (stream !== undefined) {
    stream.end();
    await once(stream, 'close');
  }
  return count;
}
