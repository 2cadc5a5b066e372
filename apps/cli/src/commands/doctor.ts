// Looks at everything between here and an appended event, and says of what does not work what to do.

import { isProblem, type StoredEvent } from '@tidemark/sessions-client';
import type { Call, Command } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { coloured, jsonLine, line } from '../printing.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'look whether everything works, and say what to do',
  positionals: '',
  options: {
    write: { help: 'appends to a session of its own and deletes it: the whole way of an event' },
  },
  notes: ['Looks at this Node, the server, its log and its objects, the key, and the clocks.'],
  examples: ['doctor', 'doctor --write --json'],
  run: async (call) => {
    const { environment, isJson } = call;
    const { out } = environment;
    let isWell = true;
    for (const { name, look } of checks) {
      const finding = await look(call).catch((cause: unknown) => troubleOf(cause));
      if (finding === undefined) continue;
      const { isFine, says, advice } = finding;
      isWell &&= isFine;
      if (isJson) await jsonLine(out, { check: name, ok: isFine, says, advice });
      else {
        const mark = isFine ? coloured(out, 'green', 'ok') : coloured(out, 'red', 'NOT');
        await line(out, `${mark.padEnd(3)} ${name}: ${says}`);
        if (advice !== undefined) await line(out, `    ${advice}`);
      }
      if (!isFine && name === 'server') break;
    }
    return isWell ? exitCodes.done : exitCodes.failed;
  },
};

interface Finding {
  readonly isFine: boolean;
  readonly says: string;
  readonly advice?: string;
}

interface Check {
  readonly name: string;
  /** Undefined: nothing to look at. */
  readonly look: (call: Call) => Promise<Finding | undefined>;
}

const fine = (says: string): Finding => ({ isFine: true, says });
const wrong = (says: string, advice: string): Finding => ({ isFine: false, says, advice });

function troubleOf(cause: unknown): Finding {
  if (isProblem(cause, 'no-answer')) {
    return wrong(cause.message, 'Start one with npm start, or name another with TIDEMARK_URL.');
  }
  if (!isProblem(cause)) throw cause;
  const isKey = cause.status === 401 || cause.status === 403;
  const advice = isKey
    ? 'TIDEMARK_API_KEY is a tenant’s key: tidemark admin key TENANT makes one, with the admin key.'
    : 'The server’s log says more; docs/OPERATIONS.md what to do.';
  return wrong(`${cause.message} (${cause.status} ${cause.code})`, advice);
}

const nodeMajorMin = 24;
const skewMsMax = 30_000;
const session = 'tidemark-doctor';

async function readiness({ client }: Call): Promise<Finding> {
  try {
    await client.json('/readyz');
    return fine('it is ready: log and objects answer');
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    return wrong(
      `it cannot serve: ${cause.message}`,
      'Where the log is named, look at the brokers (TIDEMARK_KAFKA_BROKERS) or the disk; where objects are, at the bucket (TIDEMARK_S3_*).',
    );
  }
}

async function clocks({ client, environment }: Call): Promise<Finding> {
  const response = await client.ask('/healthz');
  const atMs = environment.timeMsOf(response.headers.get('date') ?? '');
  if (atMs === undefined) return fine('the server does not tell its time');
  const skewMs = Math.abs(environment.nowMs() - atMs);
  return skewMs <= skewMsMax
    ? fine('this clock and the server’s agree')
    : wrong(`they are ${Math.round(skewMs / 1_000)} s apart`, 'Set both by NTP.');
}

async function wholeWay({ client, has, environment }: Call): Promise<Finding | undefined> {
  if (!has('write')) return undefined;
  const begunMs = environment.nowMs();
  const place = { session };
  await client.append(place, [{ type: 'doctor.asked', id: `at-${begunMs}` }]);
  const { value: event } = await client.events(place, { last: 1 }).next();
  await client.json(`/v1/sessions/${session}`, { method: 'DELETE' });
  return (event as StoredEvent | undefined)?.id === `at-${begunMs}`
    ? fine(`appended, read and deleted in ${environment.nowMs() - begunMs} ms`)
    : wrong('what was appended was not read', 'This is a mistake of ours: please tell us.');
}

const checks: readonly Check[] = [
  {
    name: 'node',
    look: ({ environment }) => {
      const major = Number.parseInt(environment.nodeVersion.slice(1), 10);
      const isFine = major >= nodeMajorMin;
      const says = environment.nodeVersion;
      return Promise.resolve(isFine ? fine(says) : wrong(says, `Use Node ${nodeMajorMin}.`));
    },
  },
  {
    name: 'server',
    look: async ({ client }) => {
      await client.json('/healthz');
      return fine(client.baseUrl);
    },
  },
  { name: 'readiness', look: readiness },
  { name: 'clocks', look: clocks },
  {
    name: 'key',
    look: async ({ client }) => {
      await client.json('/v1/sessions', { query: { limit: 1 } });
      return fine('sessions can be read');
    },
  },
  { name: 'write', look: wholeWay },
];
