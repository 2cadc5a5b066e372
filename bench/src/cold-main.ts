// node bench/src/cold-main.ts [events] [rounds]
//
// A session that is archived, read whole, against one plain GET of the same bytes from the same S3 server: by a process
// that has just started; by one that has served other archived sessions before, which reads several such one after the
// other; and by one that has just started and finds what an earlier one left in a cache on the disk. Prints JSON:
// throughput as a share of the plain GET's that followed it, the time to the first byte, the process's own CPU time,
// and the ranged reads, which are counted in a round of their own.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppProcess, freePorts, s3ForTests, s3Settings, startApp } from '@tidemark/infra';
import { agentEvents } from './load/agent-events.ts';
import { openPlainStore } from './plain-store.ts';
import { processFigures } from './process-figures.ts';
import { countRanges } from './range-counter.ts';
import { spreadOf } from './sample.ts';

const [, , eventsGiven = '50000', roundsGiven = '7'] = argv;
const events = Number(eventsGiven);
const rounds = Number(roundsGiven);
const perAppend = 500;
/** Each is read once by a process. */
const longs = Array.from({ length: 6 }, (_, index) => `long-${index}`);
/** Sessions that the process has served before. */
const others = Array.from({ length: 8 }, (_, index) => `other-${index}`);
const eventsOfOther = 5_000;
/** Of what a process does once it has started; and longer than it tells the same of its metrics. */
const startedMs = 3_000;
/** Between two reads. */
const apartMs = 300;

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

const next = agentEvents(1);

async function append(url: string, name: string, count: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/v1/stream/${name}`, { method: 'PUT', headers });
  for (let sent = 0; sent < count; sent += perAppend) {
    const body = `[${Array.from({ length: perAppend }, next).join(',')}]`;
    const answer = await fetch(`${url}/v1/stream/${name}`, { method: 'POST', headers, body });
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
  readonly firstByteAtMs: number;
  readonly firstByteMs: number;
  readonly cpuSeconds: number;
}

async function readWhole({ url, pid }: AppProcess, name: string): Promise<ColdRead> {
  const before = processFigures(pid).cpuSeconds;
  const startMs = performance.now();
  let [bytes, firstByteAtMs] = [0, 0];
  for (let offset = '-1'; ; ) {
    const response = await fetch(`${url}/v1/stream/${name}?offset=${offset}`);
    for await (const chunk of response.body ?? []) {
      if (bytes === 0) firstByteAtMs = performance.now();
      bytes += (chunk as Uint8Array).length;
    }
    offset = response.headers.get('stream-next-offset') ?? offset;
    if (response.headers.get('stream-up-to-date') !== 'true') continue;
    const seconds = (performance.now() - startMs) / 1_000;
    const cpuSeconds = processFigures(pid).cpuSeconds - before;
    return { seconds, bytes, firstByteAtMs, firstByteMs: firstByteAtMs - startMs, cpuSeconds };
  }
}

const store = await openPlainStore(s3);

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

{
  await using server = await serve();
  for (const name of others) await append(server.url, name, eventsOfOther);
  for (const name of longs) await append(server.url, name, events);
  await untilArchived(server.url);
}

interface Way {
  readonly settings?: Record<string, string>;
  /** Whether it has served other archived sessions before. */
  readonly hasServed?: boolean;
}

interface AgainstPlain {
  readonly read: ColdRead;
  /** Of the GET that followed. */
  readonly plainSeconds: number;
}

/** By one process: one of them where it has just started, all where it has served others. */
async function readLongs(way: Way, round: number): Promise<AgainstPlain[]> {
  const { settings = {}, hasServed = false } = way;
  await using server = await serve(settings);
  await delay(startedMs);
  // What is connected is connected: one request of each kind before the clock runs.
  await fetch(`${server.url}/v1/stream/none`);
  for (const name of hasServed ? others : []) await readWhole(server, name);
  const found: AgainstPlain[] = [];
  for (const name of hasServed ? longs : longs.slice(round % longs.length).slice(0, 1)) {
    const read = await readWhole(server, name);
    found.push({ read, plainSeconds: await plainSeconds(read.bytes) });
    await delay(apartMs);
  }
  return found;
}

let isPlainKept = false;

async function plainSeconds(bytes: number): Promise<number> {
  if (!isPlainKept) await store.putIfAbsent('bench/plain', new Uint8Array(bytes));
  isPlainKept = true;
  const startMs = performance.now();
  await store.get('bench/plain');
  return (performance.now() - startMs) / 1_000;
}

/** Ranged reads of a long session: all, those before its first byte, and of them those of the segment it lies in. */
async function countedReads(way: Way): Promise<object> {
  await using counter = await countRanges(s3.endpoint);
  const settings = { ...way.settings, TIDEMARK_S3_ENDPOINT: counter.endpoint };
  const [one] = await readLongs({ ...way, settings }, 0);
  if (one === undefined) throw new Error('nothing was read');
  const { read } = one;
  const startMs = read.firstByteAtMs - read.firstByteMs;
  const endMs = startMs + read.seconds * 1_000;
  const own = counter.reads.filter(
    ({ atMs, path }) => atMs >= startMs && atMs <= endMs && /segments/.test(path),
  );
  const before = own.filter(({ atMs }) => atMs < read.firstByteAtMs);
  const first = own.map(({ path }) => path).sort()[0];
  const ofFirst = before.filter(({ path }) => path === first);
  return { all: own.length, beforeFirstByte: before.length, ofItsSegment: ofFirst.length };
}

async function measure(way: Way): Promise<object> {
  const found: AgainstPlain[] = [];
  for (let round = 0; round < rounds; round += 1) found.push(...(await readLongs(way, round)));
  const reads = found.map(({ read }) => read);
  const shares = found.map(({ read, plainSeconds: plain }) => plain / read.seconds);
  const plain = found.map(({ plainSeconds: seconds }) => seconds);
  const median = (figure: (read: ColdRead) => number): number =>
    rounded(spreadOf(reads.map(figure)).median);
  return {
    mib: rounded((reads[0]?.bytes ?? 0) / 1_048_576),
    seconds: median(({ seconds }) => seconds),
    plainSeconds: rounded(spreadOf(plain).median),
    ofPlainGet: rounded(spreadOf(shares).median),
    firstByteMs: median(({ firstByteMs }) => firstByteMs),
    cpuSeconds: median(({ cpuSeconds }) => cpuSeconds),
    rangedReads: await countedReads(way),
  };
}

const started = await measure({});
const served = await measure({ hasServed: true });
const cached = await measure({ settings: { TIDEMARK_CACHE_DIR: join(folder, 'cache') } });
stdout.write(`${JSON.stringify({ events, rounds, started, served, cached }, undefined, 2)}\n`);
await store[Symbol.asyncDispose]();
