// node bench/src/million-main.ts [--on embedded|kafka] [--sessions 1000000]
//
// So many sessions of five events in one tenant of four shards: made, published, the processes started anew; then what
// a cold session costs, and a list, and a thousand new events. Prints JSON; what it does meanwhile goes to stderr.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stderr, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  type AppName,
  type AppProcess,
  type Cluster,
  s3ForTests,
  s3Settings,
  startApp,
  startCluster,
  startKafka,
} from '@tidemark/infra';
import { agentEvents } from './load/agent-events.ts';
import { Connection, requestBytes } from './load/connection.ts';
import { processFigures } from './process-figures.ts';
import { spreadOf } from './sample.ts';
import { rangedReads, scraped, untilPublished } from './scrape.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    on: { type: 'string', default: 'embedded' },
    sessions: { type: 'string', default: '1000000' },
  },
});
const sessions = Number(values.sessions);
const tenant = { id: 'million', apiKey: 'key-of-the-tenant-of-a-million', partitions: 4 };
const publishSettings = { TIDEMARK_PUBLISH_MS: '5000' };
const adminKey = 'key-of-the-operator-of-a-million';
const [eventsEach, clients, lookUps, lists, newEvents, agents] = [5, 64, 500, 100, 1_000, 8];

const say = (line: string): void => void stderr.write(`${line}\n`);
const mib = (bytes: number): number => Math.round(bytes / 1_048_576);
const rounded = (value: number): number => Math.round(value * 100) / 100;
const nameOf = (index: number): string => `s-${index.toString(36)}`;
const headers = { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' };

/** Whatever runs: which process takes requests of which kind, and who publishes. */
interface Place extends AsyncDisposable {
  readonly apps: () => readonly AppProcess[];
  readonly of: (role: AppName) => AppProcess;
  /** All but the brokers and the S3 server; told by its seconds until all are ready. */
  readonly startAnew: () => Promise<number>;
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return rounded((performance.now() - startMs) / 1_000);
};

async function embeddedPlace(env: Readonly<Record<string, string>>): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-million-'));
  const data = { ...env, ...publishSettings, TIDEMARK_DATA_DIR: join(folder, 'data') };
  const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder, env: data });
  let app = await start();
  return {
    apps: () => [app],
    of: () => app,
    startAnew: async () => {
      await app[Symbol.asyncDispose]();
      return seconds(async () => {
        app = await start();
      });
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

async function kafkaPlace(env: Readonly<Record<string, string>>): Promise<Place> {
  const kafka = await startKafka({ isLongLived: true });
  const counts = { ingest: 1, read: 1, relay: 0, materializer: 1, tiering: 0 };
  const cluster: Cluster = await startCluster({
    kafka,
    counts,
    env,
    envOf: (app): Record<string, string> => (app === 'materializer' ? publishSettings : {}),
  });
  return {
    apps: () => cluster.apps,
    of: (role) => cluster.apps.find(({ app }) => app === role) as AppProcess,
    startAnew: async () => {
      const old = [...cluster.apps];
      for (const app of old) await app[Symbol.asyncDispose]();
      return seconds(() => Promise.all(old.map((app) => cluster.restart(app))));
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
    },
  };
}

async function asked(app: AppProcess, path: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(`${app.url}${path}`, { headers, ...init });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

async function makeTenant(app: AppProcess): Promise<readonly string[]> {
  const body = JSON.stringify(tenant);
  const operator = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  await asked(app, '/v1/admin/tenants', { method: 'POST', headers: operator, body });
  const made: string[] = [];
  for (let index = 0; index < agents; index += 1) {
    const wish = JSON.stringify({ name: `agent ${index}`, model: 'claude-opus-4-6' });
    const agent = await asked(app, '/v1/agents', { method: 'POST', body: wish });
    made.push((agent as { readonly id: string }).id);
  }
  return made;
}

/** Each in one request; one of a hundred is left running. */
async function makeSessions(place: Place, agentIds: readonly string[]): Promise<number> {
  const next = agentEvents(1);
  let [index, refused] = [0, 0];
  const requestOf = (at: number): Buffer => {
    const events = Array.from({ length: eventsEach - 1 }, next);
    events.push(`{"type":"session.status_${at % 100 === 0 ? 'running' : 'idle'}"}`);
    const agent = agentIds[at % agentIds.length];
    const body = Buffer.from(`{"agent":"${agent}","initial_events":[${events.join(',')}]}`);
    return requestBytes({ method: 'PUT', path: `/v1/sessions/${nameOf(at)}`, headers, body });
  };
  const work = async (): Promise<void> => {
    const connection = await Connection.open(place.of('ingest'));
    for (let at = index; at < sessions; at = index) {
      index += 1;
      if (index % 100_000 === 0) say(`${index} sessions; ${memoryOf(place)}`);
      const request = requestOf(at);
      for (let status = 0; status < 200 || status > 299; ) {
        status = (await connection.ask(request)).status;
        if (status === 0) throw new Error('a connection was lost');
        if (status > 299) refused += 1;
        if (status > 299) await delay(250);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: clients }, work));
  return refused;
}

const memoryOf = (place: Place): string =>
  place
    .apps()
    .map(({ app, pid }) => `${app} ${mib(processFigures(pid).residentBytes)} MiB`)
    .join(', ');

/** In MiB: what a process has, what of it V8 has on its heap and outside of it, and what the budget counts. */
async function memoryIn(place: Place): Promise<Readonly<Record<string, object>>> {
  const told = place.apps().map(async (app) => {
    const [heap = 0, external = 0, sessions = 0, bodies = 0] = await Promise.all(
      [
        'nodejs_heap_size_used_bytes',
        'nodejs_external_memory_bytes',
        'tidemark_replica_session_bytes',
        'tidemark_replica_body_bytes',
      ].map((name) => scraped(app, name)),
    );
    const resident = mib(processFigures(app.pid).residentBytes);
    const counted = mib(sessions + bodies);
    return [app.app, { resident, heap: mib(heap), external: mib(external), counted }] as const;
  });
  return Object.fromEntries(await Promise.all(told));
}

const peaksOf = (place: Place): Readonly<Record<string, number>> =>
  Object.fromEntries(place.apps().map(({ app, pid }) => [app, mib(processFigures(pid).peakBytes)]));

async function timed(count: number, run: (index: number) => Promise<unknown>): Promise<object> {
  const waits: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startMs = performance.now();
    await run(index);
    waits.push(performance.now() - startMs);
  }
  waits.sort((one, other) => one - other);
  const { median } = spreadOf(waits);
  return { p50Ms: rounded(median), p99Ms: rounded(waits[Math.floor(count * 0.99)] ?? 0) };
}

/** Spread over all that there are, each once. */
const spread = (index: number, count: number): number =>
  (index * Math.floor(sessions / count) + 7 * index) % sessions;

await using s3 = await s3ForTests();
const env = { TIDEMARK_ADMIN_KEY: adminKey, ...s3Settings(s3) };
await using place = values.on === 'kafka' ? await kafkaPlace(env) : await embeddedPlace(env);
const agentIds = await makeTenant(place.of('ingest'));
let refused = 0;
const madeIn = await seconds(async () => {
  refused = await makeSessions(place, agentIds);
});
const publishedIn = await seconds(() => untilPublished(place.of('materializer')));
const peakMib = peaksOf(place);
say(
  `made in ${madeIn} s, published ${publishedIn} s later; ${JSON.stringify(await memoryIn(place))}`,
);

const readyIn = await place.startAnew();
const freshMib = await memoryIn(place);
const read = place.of('read');
// The first of a shard opens it.
for (let index = 0; index < 16; index += 1) await asked(read, `/v1/sessions/${nameOf(index)}`);
const readsBefore = await rangedReads(read);
const cold = await timed(lookUps, (index) =>
  asked(read, `/v1/sessions/${nameOf(spread(index + 1, lookUps + 2))}`),
);
const readsEach = rounded(((await rangedReads(read)) - readsBefore) / lookUps);
say(`looked up; ${JSON.stringify(await memoryIn(place))}`);
const listing: Record<string, object> = {};
for (const [what, query] of [
  ['newest', 'limit=20'],
  ['running', 'limit=20&statuses[]=running'],
  ['ofAgent', `limit=20&agent_id=${agentIds[3]}`],
] as const) {
  const list = (): Promise<unknown> => asked(read, `/v1/sessions?${query}`);
  const { data } = (await list()) as { readonly data: readonly unknown[] };
  listing[what] = { rows: data.length, ...(await timed(lists, list)) };
}
say(`listed; ${JSON.stringify(await memoryIn(place))}`);
const [publisher, ingest] = [place.of('materializer'), place.of('ingest')];
const bytesBefore = await scraped(publisher, 'tidemark_publisher_table_bytes_total');
await timed(newEvents, (index) =>
  asked(ingest, `/v1/sessions/${nameOf(spread(index, newEvents))}/events`, {
    method: 'POST',
    body: '[{"type":"note","text":"one more"}]',
  }),
);
await untilPublished(place.of('materializer'));
const tableBytes = (await scraped(publisher, 'tidemark_publisher_table_bytes_total')) - bytesBefore;
const figures = {
  on: values.on,
  sessions,
  eventsEach,
  made: { seconds: madeIn, refused, publishedSecondsLater: publishedIn, peakMib },
  startedAnew: {
    readySeconds: readyIn,
    residentMib: freshMib,
    behindAllMib: await memoryIn(place),
  },
  coldLookUp: { ...cold, rangedReadsEach: readsEach },
  listing,
  newEvents: { events: newEvents, tableKib: Math.round(tableBytes / 1_024) },
};
stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
