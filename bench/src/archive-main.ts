// node bench/src/archive-main.ts [events] [sessions]
//
// What archiving costs and what it gives back: events are appended to a server with an embedded log and an S3 server,
// archived, and read again from the bucket alone. One session has a twentieth of them. Prints JSON: requests, bytes
// against the same lines in one plain zstd file, a cold read against one plain GET, replays to files.

import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argv, execPath, stdout } from 'node:process';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AppProcess,
  freePorts,
  type SharedS3,
  s3ForTests,
  s3Settings,
  startApp,
} from '@tidemark/infra';
import type { ObjectStore } from '@tidemark/ports';
import { agentEvents } from './load/agent-events.ts';
import { openPlainStore } from './plain-store.ts';

const [, , eventsGiven = '1000000', sessionsGiven = '5000'] = argv;
const events = Number(eventsGiven);
const sessions = Number(sessionsGiven);
const longEvents = events / 20;
const perAppend = 100;
const writers = 16;

interface Served {
  readonly app: AppProcess;
  readonly url: string;
}

async function serve(folder: string, s3: SharedS3, index: number): Promise<Served> {
  const [port = 0] = await freePorts(1);
  const env = {
    TIDEMARK_PORT: String(port),
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_LOG_KEEP_MIB: '0',
    TIDEMARK_SEGMENT_MS: '5000',
    TIDEMARK_PUBLISH_MS: '5000',
    TIDEMARK_MEMORY_MIB: '256',
    ...s3Settings(s3),
  };
  const app = await startApp({ app: 'server', index, folder, env });
  return { app, url: `http://127.0.0.1:${port}` };
}

async function metric(url: string, pattern: RegExp): Promise<Record<string, number>> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const found = [...page.matchAll(pattern)].map(([, name = '', value]) => [name, Number(value)]);
  return Object.fromEntries(found) as Record<string, number>;
}

const requestsOf = (url: string): Promise<Record<string, number>> =>
  metric(url, /^tidemark_s3_attempt_seconds_count\{call="(\w+)",outcome="answered"\} (\d+)/gm);

async function append(url: string): Promise<number> {
  const orders = Array.from({ length: events / perAppend }, (_, order) => {
    const isLong = order < longEvents / perAppend;
    return isLong ? 'long' : `s${order % sessions}`;
  });
  // The long one is written beside the others.
  orders.sort((one, other) => (one === 'long' ? 0 : 1) - (other === 'long' ? 0 : 1));
  const next = agentEvents(1);
  let rawBytes = 0;
  const work = async (): Promise<void> => {
    for (let name = orders.pop(); name !== undefined; name = orders.pop()) {
      const body = `[${Array.from({ length: perAppend }, next).join(',')}]`;
      rawBytes += body.length;
      const headers = { 'content-type': 'application/json' };
      const path = `${url}/v1/stream/${name}`;
      const response = await fetch(path, { method: 'POST', headers, body });
      if (response.status === 404) {
        await fetch(path, { method: 'PUT', headers });
        orders.push(name);
        rawBytes -= body.length;
      } else if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    }
  };
  await Promise.all(Array.from({ length: writers }, work));
  return rawBytes;
}

async function untilArchived(url: string): Promise<void> {
  for (;;) {
    const { waiting = 1 } = await metric(url, /^tidemark_tiering_(waiting)_bytes (\d+)/gm);
    if (waiting === 0) return;
    await delay(500);
  }
}

async function segmentsIn(store: ObjectStore): Promise<{ count: number; bytes: number }> {
  let [count, bytes] = [0, 0];
  for await (const object of store.list('shards/')) {
    if (!object.key.endsWith('segments.json')) continue;
    const manifest = await store.get(object.key);
    const { segments } = JSON.parse(Buffer.from(manifest?.body ?? '').toString()) as {
      readonly segments: readonly { readonly bytes: number }[];
    };
    count += segments.length;
    bytes += segments.reduce((sum, each) => sum + each.bytes, 0);
  }
  return { count, bytes };
}

const seconds = async <T>(run: () => Promise<T>): Promise<readonly [number, T]> => {
  const startMs = performance.now();
  const value = await run();
  return [(performance.now() - startMs) / 1_000, value];
};

/** The whole session, page after page. */
async function readLong(url: string): Promise<number> {
  let bytes = 0;
  for (let offset = '-1'; ; ) {
    const response = await fetch(`${url}/v1/stream/long?offset=${offset}`);
    bytes += (await response.arrayBuffer()).byteLength;
    offset = response.headers.get('stream-next-offset') ?? offset;
    if (response.headers.get('stream-up-to-date') === 'true') return bytes;
  }
}

/** Of the command line, for so many events a second. */
async function commanded(url: string, words: readonly string[], count: number): Promise<number> {
  const main = resolve(import.meta.dirname, '../../apps/cli/src/main.ts');
  const env = { ...process.env, TIDEMARK_URL: url };
  const child = spawn(execPath, [main, ...words], { env, stdio: 'ignore' });
  const [time, code] = await seconds(
    () => new Promise<number | null>((done) => child.once('close', done)),
  );
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}`);
  return Math.round(count / time);
}

const replay = (url: string, folder: string, format: string): Promise<number> =>
  commanded(url, ['replay', '--folder', join(folder, format), '--format', format], events);

/** All lines as one plain file by session and seq, and what zstd makes of it. */
async function plainZstd(url: string, folder: string): Promise<{ bytes: number; rate: number }> {
  const lines = join(folder, 'lines.ndjson');
  const file = createWriteStream(lines);
  const response = await fetch(`${url}/v1/export`);
  for await (const chunk of response.body ?? []) file.write(chunk);
  file.end();
  await finished(file);
  const sorted = join(folder, 'sorted.ndjson');
  const texts = (await readFile(lines, 'latin1')).trimEnd().split('\n');
  const keyed = texts.map((text) => {
    const [, session = '', seq = ''] = /"session":"([^"]*)","seq":(\d+)/.exec(text) ?? [];
    return { key: `${session} ${seq.padStart(9, '0')}`, text };
  });
  keyed.sort((one, other) => (one.key < other.key ? -1 : 1));
  await writeFile(sorted, `${keyed.map(({ text }) => text).join('\n')}\n`, 'latin1');
  execFileSync('zstd', ['-3', '-q', '-f', sorted]);
  const startMs = performance.now();
  execFileSync('sh', ['-c', `zstd -dc ${sorted}.zst | wc -l`]);
  const rate = Math.round(events / ((performance.now() - startMs) / 1_000));
  return { bytes: (await stat(`${sorted}.zst`)).size, rate };
}

await using s3 = await s3ForTests();
const folder = await mkdtemp(join(tmpdir(), 'tidemark-archive-run-'));
await using store = await openPlainStore(s3);
let server = await serve(folder, s3, 0);
const [appendSeconds, rawBytes] = await seconds(() => append(server.url));
await untilArchived(server.url);
await delay(12_000);
const requests = await requestsOf(server.url);
await server.app[Symbol.asyncDispose]();
const segments = await segmentsIn(store);
server = await serve(folder, s3, 1);
const before = await requestsOf(server.url);
const [coldSeconds, longBytes] = await seconds(() => readLong(server.url));
// A page of metrics is some seconds old.
await delay(6_000);
const after = await requestsOf(server.url);
const probe = new Uint8Array(longBytes);
await store.putIfAbsent('bench/plain', probe);
const [getSeconds] = await seconds(() => store.get('bench/plain'));
const plain = await plainZstd(server.url, folder);
const rates = {
  ndjson: await replay(server.url, folder, 'ndjson'),
  parquet: await replay(server.url, folder, 'parquet'),
};
const archiveFile = join(folder, 'long.archive');
const exportArgs = ['export', 'long', '--archive', '--out', archiveFile];
const importArgs = ['import', 'archive', '--from', archiveFile, '--as', 'again'];
const oneSession = {
  exportPerSecond: await commanded(server.url, exportArgs, longEvents),
  importPerSecond: await commanded(server.url, importArgs, longEvents),
};
await server.app[Symbol.asyncDispose]();
const mib = (bytes: number): number => Math.round(bytes / 104_857.6) / 10;
stdout.write(
  `${JSON.stringify(
    {
      events,
      sessions,
      rawMib: mib(rawBytes),
      appendsPerSecond: Math.round(events / appendSeconds),
      requests,
      segments: { count: segments.count, mib: mib(segments.bytes) },
      againstPlainZstd: Math.round((1_000 * segments.bytes) / plain.bytes) / 1_000,
      coldRead: {
        mib: mib(longBytes),
        seconds: Math.round(coldSeconds * 1_000) / 1_000,
        ofPlainGet: Math.round((100 * getSeconds) / coldSeconds) / 100,
        rangedReads: (after['getRange'] ?? 0) - (before['getRange'] ?? 0),
      },
      replayPerSecond: rates,
      oneSession,
      zstdWcPerSecond: plain.rate,
    },
    undefined,
    2,
  )}\n`,
);
