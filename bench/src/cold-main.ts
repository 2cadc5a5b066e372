// node bench/src/cold-main.ts [events] [rounds]
//
// A session that is archived, read whole by a process that has just started, against one plain GET of the same bytes
// from the same S3 server. Prints JSON: throughput as a share of the plain GET's, ranged reads, the time to the first
// byte; the same once more with what an earlier process left in a cache on the disk.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppProcess, freePorts, s3ForTests, s3Settings, startApp } from '@tidemark/infra';
import { createSystemClock, createSystemPrng } from '@tidemark/platform';
import { silentLogger, silentMetrics } from '@tidemark/ports';
import { openS3Store } from '@tidemark/s3';
import { Secret } from '@tidemark/std';
import { agentEvents } from './load/agent-events.ts';
import { spreadOf } from './sample.ts';

const [, , eventsGiven = '50000', roundsGiven = '7'] = argv;
const events = Number(eventsGiven);
const rounds = Number(roundsGiven);
const perAppend = 500;

await using s3 = await s3ForTests();
const folder = await mkdtemp(join(tmpdir(), 'tidemark-cold-'));
let starts = 0;

async function serve(settings: Record<string, string> = {}): Promise<AppProcess> {
  const [port = 0] = await freePorts(1);
  starts += 1;
  const env = {
    TIDEMARK_PORT: String(port),
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_LOG_KEEP_MIB: '0',
    TIDEMARK_SEGMENT_MS: '2000',
    TIDEMARK_PUBLISH_MS: '2000',
    ...s3Settings(s3),
    ...settings,
  };
  return startApp({ app: 'server', index: starts, folder, env });
}

async function append(url: string): Promise<void> {
  const next = agentEvents(1);
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/v1/stream/long`, { method: 'PUT', headers });
  for (let sent = 0; sent < events; sent += perAppend) {
    const body = `[${Array.from({ length: perAppend }, next).join(',')}]`;
    const answer = await fetch(`${url}/v1/stream/long`, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}

async function metric(url: string, pattern: RegExp): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(pattern.exec(page)?.[1] ?? 0);
}

async function untilArchived(url: string): Promise<void> {
  while ((await metric(url, /^tidemark_tiering_waiting_bytes (\d+)/m)) > 0) await delay(500);
  // The log lets go once its sessions are published.
  await delay(8_000);
}

interface ColdRead {
  readonly seconds: number;
  readonly bytes: number;
  readonly firstByteMs: number;
}

async function readLong(url: string): Promise<ColdRead> {
  const startMs = performance.now();
  let [bytes, firstByteMs] = [0, 0];
  for (let offset = '-1'; ; ) {
    const response = await fetch(`${url}/v1/stream/long?offset=${offset}`);
    for await (const chunk of response.body ?? []) {
      if (bytes === 0) firstByteMs = performance.now() - startMs;
      bytes += (chunk as Uint8Array).length;
    }
    offset = response.headers.get('stream-next-offset') ?? offset;
    if (response.headers.get('stream-up-to-date') !== 'true') continue;
    return { seconds: (performance.now() - startMs) / 1_000, bytes, firstByteMs };
  }
}

const ranged = /^tidemark_s3_attempt_seconds_count\{call="getRange",outcome="answered"\} (\d+)/m;
const store = await openS3Store(
  {
    clock: createSystemClock(),
    prng: createSystemPrng(),
    logger: silentLogger,
    metrics: silentMetrics,
  },
  { ...s3, secretAccessKey: new Secret(s3.secretAccessKey) },
);

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

let server = await serve();
await append(server.url);
await untilArchived(server.url);
await server[Symbol.asyncDispose]();

let isPlainKept = false;

/** As many bytes as a plain object. */
async function keepPlain(bytes: number): Promise<void> {
  if (!isPlainKept) await store.putIfAbsent('bench/plain', new Uint8Array(bytes));
  isPlainKept = true;
}

async function measure(settings: Record<string, string>): Promise<object> {
  const reads: ColdRead[] = [];
  const plainSeconds: number[] = [];
  let requests = 0;
  for (let round = 0; round < rounds; round += 1) {
    server = await serve(settings);
    // What is connected is connected: one request of each kind before the clock runs.
    await fetch(`${server.url}/v1/stream/none`);
    reads.push(await readLong(server.url));
    await keepPlain(reads[0]?.bytes ?? 0);
    const startMs = performance.now();
    await store.get('bench/plain');
    plainSeconds.push((performance.now() - startMs) / 1_000);
    requests = await metric(server.url, ranged);
    await server[Symbol.asyncDispose]();
  }
  const seconds = spreadOf(reads.map((read) => read.seconds)).median;
  return {
    mib: rounded((reads[0]?.bytes ?? 0) / 1_048_576),
    seconds: rounded(seconds),
    ofPlainGet: rounded(spreadOf(plainSeconds).median / seconds),
    firstByteMs: rounded(spreadOf(reads.map((read) => read.firstByteMs)).median),
    rangedReads: requests,
  };
}

const cold = await measure({});
const cacheDir = { TIDEMARK_CACHE_DIR: join(folder, 'cache') };
const cached = await measure(cacheDir);
stdout.write(`${JSON.stringify({ events, rounds, cold, cached }, undefined, 2)}\n`);
await store[Symbol.asyncDispose]();
