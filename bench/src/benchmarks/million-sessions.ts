import { setTimeout as delay } from 'node:timers/promises';
import type { AppName, AppProcess } from '@tidemark/infra';
import type { Benchmark } from '../benchmark.ts';
import { emptyBucket } from '../contestants/bucket.ts';
import { adminKey, makeTenant } from '../contestants/made-tenant.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import {
  type ByRole,
  type ByRoleOptions,
  embeddedByRole,
  kafkaByRole,
} from '../contestants/tidemark-by-role.ts';
import type { Context } from '../context.ts';
import { agentEvents } from '../load/agent-events.ts';
import { byConnections } from '../load/by-connections.ts';
import { requestBytes } from '../load/connection.ts';
import { untilTaken } from '../load/until-taken.ts';
import { processFigures } from '../process-figures.ts';
import { atMost, type Bar, type BenchmarkResult, type Row } from '../result.ts';
import { hundredths, mib } from '../rounding.ts';
import { runName } from '../run-name.ts';
import { sum } from '../sample.ts';
import { pageMsMax, rangedReads, scraped, untilPublished } from '../scrape.ts';
import { timedMs, timedSeconds, type Waits, waitsOf } from '../waits.ts';

const tenant = {
  id: `million-${runName}`,
  apiKey: `key-of-the-tenant-million-${runName}`,
  partitions: 4,
};
const headers = { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' };
const [eventsEach, agents] = [5, 8];
const tableBytesName = 'tidemark_publisher_table_bytes_total';

const nameOf = (index: number): string => `s-${index.toString(36)}`;

interface Sizes {
  readonly sessions: number;
  readonly clients: number;
  readonly lookUps: number;
  readonly lists: number;
  readonly newEvents: number;
}

const sizesOf = (context: Context): Sizes => ({
  sessions: context.points([1_000_000], [300])[0] ?? 0,
  clients: context.scaled(64, 8),
  lookUps: context.scaled(500, 20),
  lists: context.scaled(100, 5),
  newEvents: context.scaled(1_000, 20),
});

type Open = (options: ByRoleOptions) => Promise<ByRole>;

export const millionSessions: Benchmark = {
  name: 'million-sessions',
  title:
    'A million sessions of one tenant, embedded: made, started anew, looked up while cold, listed',
  isLong: true,
  run: (context) => measure(context, tidemarkEmbedded.name, embeddedByRole),
};

export const kafkaMillionSessions: Benchmark = {
  name: 'kafka-million-sessions',
  title: 'A million sessions of one tenant, ingest, read and materializer on Kafka: likewise',
  isLong: true,
  run: async (context) => {
    const kafka = await context.kafka();
    return measure(context, 'tidemark on Kafka', (options) => kafkaByRole(kafka, options));
  },
};

async function measure(context: Context, contestant: string, open: Open): Promise<BenchmarkResult> {
  await using s3 = await emptyBucket();
  await using servers = await open({
    place: context.place,
    s3,
    settings: { TIDEMARK_ADMIN_KEY: adminKey },
    publishSettings: { TIDEMARK_PUBLISH_MS: '5000' },
  });
  // Awaited here: both are there until it is over.
  return await new ManySessions(context, contestant, servers).run();
}

class ManySessions {
  readonly #context: Context;
  readonly #contestant: string;
  readonly #servers: ByRole;
  readonly #sizes: Sizes;
  readonly #rows: Row[] = [];
  readonly #bars: Bar[] = [];

  constructor(context: Context, contestant: string, servers: ByRole) {
    this.#context = context;
    this.#contestant = contestant;
    this.#servers = servers;
    this.#sizes = sizesOf(context);
  }

  async run(): Promise<BenchmarkResult> {
    const agentIds = await makeTenantWithAgents(this.#servers.of('ingest'));
    await this.#make(agentIds);
    await this.#startAnew();
    await this.#lookUp();
    await this.#list(agentIds);
    await this.#memory('behind all that');
    await this.#appendMore();
    return { rows: this.#rows, bars: this.#bars };
  }

  async #make(agentIds: readonly string[]): Promise<void> {
    const { sessions } = this.#sizes;
    let refused = 0;
    const seconds = await timedSeconds(async () => {
      refused = await this.#makeSessions(agentIds);
    });
    const publishedIn = await timedSeconds(() => this.#untilPublished());
    this.#rows.push({
      what: `${sessions} sessions of ${eventsEach} events made`,
      contestant: this.#contestant,
      perSecond: sessions / seconds,
      more: {
        seconds: hundredths(seconds),
        refused,
        publishedSecondsLater: hundredths(publishedIn),
      },
    });
    for (const { app, pid } of this.#servers.apps) {
      const peakMib = processFigures(pid).peakBytes / 1_048_576;
      this.#rows.push({ what: 'meanwhile', contestant: app, peakMib });
    }
  }

  /** Each in one request; one of a hundred is left running. */
  async #makeSessions(agentIds: readonly string[]): Promise<number> {
    const { sessions, clients } = this.#sizes;
    const next = agentEvents(1);
    let refused = 0;
    const requestOf = (at: number): Buffer => {
      const events = Array.from({ length: eventsEach - 1 }, next);
      events.push(`{"type":"session.status_${at % 100 === 0 ? 'running' : 'idle'}"}`);
      const agent = agentIds[at % agentIds.length];
      const body = Buffer.from(`{"agent":"${agent}","initial_events":[${events.join(',')}]}`);
      return requestBytes({ method: 'PUT', path: `/v1/sessions/${nameOf(at)}`, headers, body });
    };
    const connections = { target: this.#servers.of('ingest'), count: clients };
    await byConnections(connections, Array(sessions).keys(), async (connection, at) => {
      const begun = at + 1;
      if (begun % 100_000 === 0) this.#context.say(`  ${begun} sessions; ${this.#residents()}`);
      refused += await untilTaken(connection, requestOf(at));
    });
    return refused;
  }

  #residents(): string {
    const told = this.#servers.apps.map(({ app, pid }) => `${app} ${residentMib(pid)} MiB`);
    return told.join(', ');
  }

  /** Brokers of a smoke run have sessions of others, which are published as well. */
  #untilPublished(): Promise<void> {
    return untilPublished(this.#servers.of('materializer'), this.#context.scaled(3, 0));
  }

  async #startAnew(): Promise<void> {
    const readySeconds = await this.#servers.startAnew();
    const { apps } = this.#servers;
    this.#rows.push({
      what: 'started anew',
      contestant: this.#contestant,
      more: { readySeconds: hundredths(readySeconds), processes: apps.length },
    });
    const residents = await this.#memory('started anew');
    for (const app of new Set([this.#servers.of('read').app, this.#servers.of('ingest').app])) {
      this.#bars.push(atMost(`${app}, started anew: resident MiB`, residents.get(app), 512));
    }
  }

  /** What a process has, what of it V8 has on its heap and outside of it, and what the budget counts. */
  async #memory(what: string): Promise<ReadonlyMap<AppName, number>> {
    const residents = new Map<AppName, number>();
    for (const app of this.#servers.apps) {
      const resident = residentMib(app.pid);
      const mibOf = async (...names: readonly string[]): Promise<number> =>
        mib(sum(await Promise.all(names.map((name) => scraped(app, name)))));
      const more = {
        residentMib: resident,
        heapMib: await mibOf('nodejs_heap_size_used_bytes'),
        externalMib: await mibOf('nodejs_external_memory_bytes'),
        countedMib: await mibOf('tidemark_replica_session_bytes', 'tidemark_replica_body_bytes'),
      };
      this.#rows.push({ what, contestant: app.app, more });
      residents.set(app.app, resident);
    }
    return residents;
  }

  async #lookUp(): Promise<void> {
    const { lookUps } = this.#sizes;
    const read = this.#servers.of('read');
    // The first of a shard opens it.
    for (let index = 0; index < 16; index += 1) await ask(read, `/v1/sessions/${nameOf(index)}`);
    const readsBefore = await this.#rangedReads();
    const waits = await timed(lookUps, (index) =>
      ask(read, `/v1/sessions/${this.#spreadName(index + 1, lookUps + 2)}`),
    );
    const reads = ((await this.#rangedReads()) - readsBefore) / lookUps;
    const what = 'a cold session looked up';
    const more = { rangedReadsEach: hundredths(reads) };
    this.#rows.push({ what, contestant: this.#contestant, ...waits, more });
    this.#bars.push(atMost(`${what}: ranged reads each`, reads, 2));
  }

  async #rangedReads(): Promise<number> {
    await delay(this.#context.scaled(pageMsMax, 50));
    return rangedReads(this.#servers.of('read'));
  }

  /** Spread over all that there are, each once. */
  #spreadName(index: number, count: number): string {
    const { sessions } = this.#sizes;
    return nameOf((index * Math.floor(sessions / count) + 7 * index) % sessions);
  }

  async #list(agentIds: readonly string[]): Promise<void> {
    const read = this.#servers.of('read');
    for (const [what, query] of [
      ['the newest 20', 'limit=20'],
      ['the newest 20 that run', 'limit=20&statuses[]=running'],
      ['the newest 20 of an agent', `limit=20&agent_id=${agentIds[3]}`],
    ] as const) {
      const list = (): Promise<unknown> => ask(read, `/v1/sessions?${query}`);
      const { data } = (await list()) as { readonly data: readonly unknown[] };
      const waits = await timed(this.#sizes.lists, list);
      const more = { listed: data.length };
      this.#rows.push({ what, contestant: this.#contestant, ...waits, more });
      this.#bars.push(atMost(`${what}: p50 ms`, waits.p50Ms, 10));
    }
  }

  async #appendMore(): Promise<void> {
    const { newEvents } = this.#sizes;
    const [publisher, ingest] = [this.#servers.of('materializer'), this.#servers.of('ingest')];
    const bytesBefore = await scraped(publisher, tableBytesName);
    const waits = await timed(newEvents, (index) =>
      ask(ingest, `/v1/sessions/${this.#spreadName(index, newEvents)}/events`, {
        method: 'POST',
        body: '[{"type":"note","text":"one more"}]',
      }),
    );
    await this.#untilPublished();
    const bytes = (await scraped(publisher, tableBytesName)) - bytesBefore;
    const what = `${newEvents} new events, each to a cold session`;
    const more = { tableKib: Math.round(bytes / 1_024) };
    this.#rows.push({ what, contestant: this.#contestant, ...waits, more });
  }
}

const residentMib = (pid: number): number => mib(processFigures(pid).residentBytes);

async function timed(count: number, work: (index: number) => Promise<unknown>): Promise<Waits> {
  const waitsMs: number[] = [];
  for (let index = 0; index < count; index += 1) waitsMs.push(await timedMs(() => work(index)));
  return waitsOf(waitsMs);
}

async function ask({ url }: AppProcess, path: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { headers, ...init });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Tells the ids of its agents. */
async function makeTenantWithAgents(server: AppProcess): Promise<readonly string[]> {
  await makeTenant(server, tenant);
  const made: string[] = [];
  for (let index = 0; index < agents; index += 1) {
    const wish = JSON.stringify({ name: `agent ${index}`, model: 'claude-opus-4-6' });
    const agent = await ask(server, '/v1/agents', { method: 'POST', body: wish });
    made.push((agent as { readonly id: string }).id);
  }
  return made;
}
