// node bench/src/search-main.ts [--events 50000] [--sessions 1] [--cold 10]
//
// Search as a client asks for it, over HTTP, of one server with the embedded log and an S3 server beside it: events like
// those of agents are appended and published; questions of 1, 2, 10 and 30 words are asked within a session and of the
// tenant, while warm; then each with nothing cached, by a process that has just started and by one that has answered
// another tenant, beside one ranged GET of the same store. Prints JSON; what it does meanwhile goes to stderr.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stderr, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type AppProcess, s3ForTests, s3Settings, startApp } from '@tidemark/infra';
import { SeededPrng } from '@tidemark/ports/testing';
import { AgentLog } from '@tidemark/search/testing';
import { Connection, jsonHeaders, requestBytes } from './load/connection.ts';
import { openPlainStore } from './plain-store.ts';
import { processFigures } from './process-figures.ts';
import { spreadOf } from './sample.ts';
import { rangedReads, untilPublished } from './scrape.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    events: { type: 'string', default: '50000' },
    sessions: { type: 'string', default: '1' },
    cold: { type: 'string', default: '10' },
  },
});
const events = Number(values.events);
const sessions = Number(values.sessions);
const coldStarts = Number(values.cold);
const [perAppend, writers, asked, turns] = [250, 8, 20, 5];
const wordCounts = [1, 2, 10, 30] as const;
/** A block of a table, about. */
const rangeBytes = 16_384;
const adminKey = 'key-of-the-operator-of-searches';
/** Of the tenant whose questions make a process one that has answered others. */
const otherEvents = Math.min(events, 50_000);

interface Asking {
  readonly id: string;
  readonly apiKey: string;
  readonly log: AgentLog;
}

const askingOf = (id: string, seed: number, count: number): Asking => ({
  id,
  apiKey: `key-of-the-tenant-that-is-${id}`,
  log: new AgentLog(new SeededPrng(seed), { sessions: count }),
});
const tenant = askingOf('asked', 7, sessions);
const other = askingOf('other', 8, 1);

const headersOf = ({ apiKey }: Pick<Asking, 'apiKey'>) => ({ authorization: `Bearer ${apiKey}` });

const say = (line: string): void => void stderr.write(`${line}\n`);
const rounded = (value: number): number => Math.round(value * 100) / 100;
const mib = (bytes: number): number => Math.round(bytes / 1_048_576);

await using s3 = await s3ForTests();
const folder = await mkdtemp(join(tmpdir(), 'tidemark-search-'));
const env = {
  TIDEMARK_DATA_DIR: join(folder, 'data'),
  TIDEMARK_PUBLISH_MS: '5000',
  TIDEMARK_ADMIN_KEY: adminKey,
  ...s3Settings(s3),
};
const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder, env });

let rawBytes = 0;

async function makeTenant(app: AppProcess, { id, apiKey }: Asking): Promise<void> {
  const headers = { ...headersOf({ apiKey: adminKey }), 'content-type': 'application/json' };
  const body = JSON.stringify({ id, apiKey });
  const answer = await fetch(`${app.url}/v1/admin/tenants`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(await answer.text());
}

/** In the order in which a session takes turns with the others; the server gives names of events and times. */
async function append(app: AppProcess, asking: Asking, count: number): Promise<void> {
  const { log } = asking;
  const headers = { ...jsonHeaders, ...headersOf(asking) };
  const taking = asking === tenant ? sessions : 1;
  let sent = 0;
  const work = async (): Promise<void> => {
    const connection = await Connection.open(app);
    while (sent < count) {
      const path = `/v1/sessions/s-${(sent / perAppend) % taking}/events`;
      const bodies = Array.from({ length: perAppend }, () =>
        String(log.next().body).replace(/^\{"id":"[^"]*",/, '{'),
      );
      sent += perAppend;
      if (sent % 1_000_000 === 0) say(`${sent} events; ${memoryOf(app)}`);
      const body = Buffer.from(`[${bodies.join(',')}]`);
      if (asking === tenant) rawBytes += body.length;
      const request = requestBytes({ method: 'POST', path, headers, body });
      for (let status = 0; status < 200 || status > 299; ) {
        status = (await connection.ask(request)).status;
        if (status === 0) throw new Error('a connection was lost');
        if (status > 299) await delay(250);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: writers }, work));
}

const memoryOf = ({ pid }: AppProcess): string => `${mib(processFigures(pid).residentBytes)} MiB`;

const sessionPath = (words: string): string =>
  `/v1/sessions/s-0/events?limit=10&q=${encodeURIComponent(words)}`;
const tenantPath = (words: string): string => `/v1/search?limit=10&q=${encodeURIComponent(words)}`;

async function ask(app: AppProcess, path: string, asking: Asking = tenant): Promise<void> {
  const answer = await fetch(`${app.url}${path}`, { headers: headersOf(asking) });
  const { data } = (await answer.json()) as { readonly data?: readonly unknown[] };
  if (!answer.ok || data === undefined) throw new Error(`${path}: ${answer.status}`);
  if (data.length === 0) throw new Error(`${path}: nothing is found`);
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

function told(waits: readonly number[]): object {
  const sorted = waits.toSorted((one, other) => one - other);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  return { p50Ms: rounded(spreadOf(sorted).median), p99Ms: rounded(p99) };
}

const store = await openPlainStore(s3);

const questions = new Map(
  wordCounts.map((words) => [words, Array.from({ length: asked }, () => tenant.log.query(words))]),
);

const otherQuestions = wordCounts.flatMap((words) =>
  Array.from({ length: asked }, () => other.log.query(words)),
);

async function warm(app: AppProcess, pathOf: (words: string) => string): Promise<object> {
  const byWords: Record<string, object> = {};
  for (const [words, queries] of questions) {
    const waits: number[] = [];
    for (const query of queries) await ask(app, pathOf(query));
    for (let turn = 0; turn < turns; turn += 1) {
      for (const query of queries) waits.push(await timed(() => ask(app, pathOf(query))));
    }
    byWords[`${words} words`] = told(waits);
  }
  return byWords;
}

/** What a process has done before it is asked: nothing, or it has answered questions of another tenant. */
type Before = 'just started' | 'has answered others';

async function answerOther(app: AppProcess): Promise<void> {
  for (const query of otherQuestions) {
    await ask(app, sessionPath(query), other);
    await ask(app, tenantPath(query), other);
  }
}

/** Each question by a process of its own: the first request opens the shard, and is none of a search. */
async function cold(
  words: 2 | 10,
  pathOf: (words: string) => string,
  before: Before,
): Promise<object> {
  const waits: number[] = [];
  const ranges: number[] = [];
  const reads: number[] = [];
  for (let turn = 0; turn < coldStarts; turn += 1) {
    await using app = await start();
    await fetch(`${app.url}/v1/sessions/s-0`, { headers: headersOf(tenant) });
    if (before === 'has answered others') await answerOther(app);
    await delay(3_000);
    const readsBefore = await rangedReads(app);
    waits.push(await timed(() => ask(app, pathOf(questions.get(words)?.[turn % asked] ?? ''))));
    await delay(1_500);
    reads.push((await rangedReads(app)) - readsBefore);
    const range = { firstByte: turn * rangeBytes, endByte: (turn + 1) * rangeBytes };
    ranges.push(await timed(() => store.getRange('bench/range', range)));
  }
  return {
    ...told(waits),
    rangedReads: spreadOf(reads),
    overOneRangedRead: rounded(spreadOf(waits).median / spreadOf(ranges).median),
  };
}

await store.putIfAbsent('bench/range', new Uint8Array(64 * rangeBytes));
await store.getRange('bench/range', { firstByte: 0, endByte: rangeBytes });
const figures: Record<string, unknown> = { events, sessions };
{
  await using app = await start();
  for (const each of [tenant, other]) await makeTenant(app, each);
  const madeIn = (await timed(() => append(app, tenant, events))) / 1_000;
  const publishedIn = (await timed(() => untilPublished(app))) / 1_000;
  say(`made in ${rounded(madeIn)} s, published ${rounded(publishedIn)} s later; ${memoryOf(app)}`);
  figures['made'] = {
    rawMib: mib(rawBytes),
    seconds: rounded(madeIn),
    publishedSecondsLater: rounded(publishedIn),
    peakMib: mib(processFigures(app.pid).peakBytes),
  };
  await append(app, other, otherEvents);
  await untilPublished(app);
  figures['warmInSession'] = await warm(app, sessionPath);
  figures['warmInTenant'] = await warm(app, tenantPath);
}
for (const before of ['just started', 'has answered others'] as const) {
  for (const words of [2, 10] as const) {
    figures[`coldInSession, ${words} words, ${before}`] = await cold(words, sessionPath, before);
    figures[`coldInTenant, ${words} words, ${before}`] = await cold(words, tenantPath, before);
  }
}
stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
