// node bench/src/deliveries-main.ts [--sessions 1000] [--seconds 5] [--rounds 20]
//
// What an endpoint that hangs, and one where nobody listens, cost the deliveries of others: the time from
// the request that says something to its delivery, for sessions with endpoints of their own. Short rounds with
// such neighbours and with as many good ones take turns, over one server and its embedded log; told are medians of rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts, startApp } from '@tidemark/infra';
import { build, type Histogram } from 'hdr-histogram-js';
import { spreadOf } from './sample.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    sessions: { type: 'string', default: '1000' },
    neighbours: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '80' },
    rounds: { type: 'string', default: '20' },
  },
});
const [sessions, neighbours, seconds, rate, rounds] = [
  values.sessions,
  values.neighbours,
  values.seconds,
  values.rate,
  values.rounds,
].map(Number) as [number, number, number, number, number];

const say = (line: string): void => void stdout.write(`${line}\n`);
const folder = await mkdtemp(join(tmpdir(), 'tidemark-deliveries-'));
const app = await startApp({
  app: 'server',
  index: 0,
  folder,
  env: { TIDEMARK_DATA_DIR: join(folder, 'data') },
});

interface Delivery {
  readonly event: { readonly body: { readonly text: string } };
}

let histogram = build();
let arrived = 0;

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const good = createServer((request, reply) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    reply.end();
    if (!request.url?.startsWith('/own/')) return;
    const { event } = JSON.parse(Buffer.concat(chunks).toString()) as Delivery;
    arrived += 1;
    histogram.recordValue(
      Math.max(1, Math.round(1_000 * (performance.now() - Number(event.body.text)))),
    );
  });
});
const hanging = createServer(() => undefined);
const goodUrl = await listen(good);
const hangingUrl = await listen(hanging);
const [deadPort = 1] = await freePorts(1);

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${app.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok)
    throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

const agent = await post('/v3/agents', { name: 'told', model: 'any', prompt: 'any' });

async function makeSessions(count: number, urlOf: (index: number) => string): Promise<string[]> {
  const made: string[] = [];
  for (let first = 0; first < count; first += 20) {
    const some = Array.from({ length: Math.min(20, count - first) }, async (_, index) => {
      const destinations = [{ url: urlOf(first + index), types: ['user.message'] }];
      const { session } = await post('/v3/sessions', { agent: agent['id'], destinations });
      return (session as { id: string }).id;
    });
    made.push(...(await Promise.all(some)));
  }
  return made;
}

const own = await makeSessions(sessions, (index) => `${goodUrl}/own/${index}`);
const calm = await makeSessions(neighbours, (index) => `${goodUrl}/calm/${index % 2}`);
const bad = await makeSessions(neighbours, (index) =>
  index % 2 === 0 ? `${hangingUrl}/hook` : `http://127.0.0.1:${deadPort}/hook`,
);
say(`${sessions} sessions, ${neighbours} neighbours, ${rate} messages a second`);

/** Not by `fetch`: what it leaves behind is collected for 40 ms now and then, in the middle of a delivery. */
const connections = new Agent({ keepAlive: true });
const speak = (session: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const asked = request(
      `${app.url}/v3/sessions/${session}/messages`,
      { method: 'POST', agent: connections },
      (reply) => {
        const isTaken = reply.statusCode !== undefined && reply.statusCode < 300;
        if (!isTaken) reject(new Error(`a message was answered ${reply.statusCode}`));
        reply.resume().once('end', resolve);
      },
    );
    asked.once('error', reject);
    asked.end(JSON.stringify({ text: String(performance.now()) }));
  });

/** One in four messages is a neighbour's. */
async function round(others: readonly string[]): Promise<void> {
  const before = arrived;
  let expected = 0;
  const sent: Promise<unknown>[] = [];
  const startMs = performance.now();
  for (let count = 0; count < rate * seconds; count += 1) {
    const waitMs = startMs + (1_000 * count) / rate - performance.now();
    if (waitMs > 0) await delay(waitMs);
    const isOwn = count % 4 !== 0;
    const among = isOwn ? own : others;
    const session = among[(isOwn ? count : count / 4) % among.length] ?? '';
    if (isOwn) expected += 1;
    sent.push(speak(session));
  }
  await Promise.all(sent);
  while (arrived - before < expected) await delay(20);
}

await round(calm);
await round(bad);
const kinds = {
  calm: { others: calm, told: [] as Histogram[] },
  bad: { others: bad, told: [] as Histogram[] },
};
// Each goes first in turn: what the server does once a minute would else fall upon the same one again and again.
const pair = Object.values(kinds);
for (let index = 0; index < rounds; index += 1) {
  for (const { others, told } of index % 2 === 0 ? pair : pair.toReversed()) {
    histogram = build();
    told.push(histogram);
    await round(others);
  }
}
/** Of the rounds their median: a disk that stands still for a second is in one of them. */
const at = (told: readonly Histogram[], percentile: number): number =>
  spreadOf(told.map((each) => each.getValueAtPercentile(percentile) / 1_000)).median;
for (const percentile of [50, 90, 99]) {
  const [without, beside] = [at(kinds.calm.told, percentile), at(kinds.bad.told, percentile)];
  const ratio = (beside / without).toFixed(2);
  say(
    `p${percentile}: ${without.toFixed(1)} ms, beside bad neighbours ${beside.toFixed(1)} ms, ${ratio} times`,
  );
}

for (const server of [good, hanging]) {
  server.closeAllConnections();
  server.close();
}
connections.destroy();
await app[Symbol.asyncDispose]();
await rm(folder, { recursive: true, force: true });
