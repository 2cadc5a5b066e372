import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess, SharedS3 } from '@tidemark/infra';
import type { ObjectStore } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import { openPlainStore } from '@tidemark/s3/testing';
import type { SearchEvent } from '@tidemark/search';
import { AgentLog } from '@tidemark/search/testing';
import type { Benchmark } from '../benchmark.ts';
import { emptyBucket } from '../contestants/bucket.ts';
import { adminKey, makeTenant } from '../contestants/made-tenant.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { type ServerStart, tidemarkOverS3 } from '../contestants/tidemark-over-s3.ts';
import type { Context } from '../context.ts';
import { byConnections } from '../load/by-connections.ts';
import { jsonHeaders, requestBytes } from '../load/connection.ts';
import { untilTaken } from '../load/until-taken.ts';
import { processFigures } from '../process-figures.ts';
import { atMost, type Bar, notRun, type Row } from '../result.ts';
import { hundredths, mib } from '../rounding.ts';
import { spreadOf } from '../sample.ts';
import { pageMsMax, rangedReads, untilPublished } from '../scrape.ts';
import { Fts5Index } from '../search/fts5-index.ts';
import {
  askWarm,
  type Questions,
  questionsOf,
  type WaitsByWords,
  type WordCount,
  wordCounts,
} from '../search/questions.ts';
import { timedMs, timedSeconds, waitsOf } from '../waits.ts';

const ours = tidemarkEmbedded.name;
const theirs = 'SQLite FTS5';
const [perAppend, writers] = [250, 8];
const usualEvents = 50_000;
/** Where there are more than usual. */
const eventsPerSession = 2_000;
/** A block of a table, about. */
const rangeBytes = 16_384;

const places = ['in session', 'in tenant'] as const;
type Place = (typeof places)[number];

/** What a process has done before it is asked: nothing, or it has answered questions of another tenant. */
const pasts = ['just started', 'has answered others'] as const;
type Past = (typeof pasts)[number];

interface Asking {
  readonly id: string;
  readonly apiKey: string;
  readonly log: AgentLog;
  readonly sessions: number;
  readonly questions: Questions;
}

interface Filled {
  readonly appendSeconds: number;
  readonly publishSeconds: number;
  readonly rawBytes: number;
  readonly peakBytes: number;
}

interface ColdQuestion {
  readonly words: 2 | 10;
  readonly place: Place;
  readonly past: Past;
}

interface ColdWaits extends ColdQuestion {
  readonly waitsMs: readonly number[];
  readonly reads: readonly number[];
  readonly overOneRangedRead: number;
}

export const searchHttp: Benchmark = {
  name: 'search-http',
  title:
    'Search over HTTP of 50,000 published events: 1 to 30 words while warm, 2 and 10 while cold',
  async run(context) {
    await using s3 = await emptyBucket();
    await using store = await openPlainStore(s3);
    const searches = new Searches(context, s3, store);
    const warm = new Map<Place, WaitsByWords>();
    let filled: Filled;
    {
      await using server = await searches.start();
      filled = await searches.fill(server);
      for (const place of places) warm.set(place, await searches.askWarm(server, place));
    }
    const cold: ColdWaits[] = [];
    for (const question of coldQuestions(context)) cold.push(await searches.askCold(question));
    const fts5 = await searches.askFts5();
    return {
      rows: [
        filledRow(searches.events, filled),
        ...[...warm].flatMap(([place, waits]) => warmRows(`warm, ${place}`, ours, waits)),
        ...(fts5 === undefined ? [] : warmRows('warm', theirs, fts5)),
        ...cold.map(coldRow),
      ],
      bars: searches.isLarge
        ? warmBars('in tenant', warm.get('in tenant'), 50)
        : [...usualBars(warm, fts5), ...cold.map(coldBar)],
      notes: [
        'FTS5 lies in memory and answers in one process, without HTTP and sessions',
        'a cold question is asked by a process of its own; the ranged read of 16 KiB is by one client',
      ],
    };
  },
};

function coldQuestions(context: Context): readonly ColdQuestion[] {
  const all = pasts.flatMap((past) =>
    ([2, 10] as const).flatMap((words) => places.map((place) => ({ past, words, place }))),
  );
  return context.scaled(all, all.slice(-1));
}

class Searches {
  readonly start: ServerStart;
  readonly events: number;
  readonly #context: Context;
  readonly #store: ObjectStore;
  readonly #tenant: Asking;
  readonly #other: Asking;
  /** As FTS5 is given them; none where they are many. */
  readonly #kept: SearchEvent[] = [];

  constructor(context: Context, s3: SharedS3, store: ObjectStore) {
    const settings = {
      TIDEMARK_PUBLISH_MS: context.scaled('5000', '1000'),
      TIDEMARK_ADMIN_KEY: adminKey,
    };
    const [events = 0] = context.points([usualEvents], [1_000]);
    this.start = tidemarkOverS3({ place: context.place, s3, settings });
    this.events = events;
    this.#context = context;
    this.#store = store;
    this.#tenant = this.#asking(
      'asked',
      7,
      this.isLarge ? Math.ceil(events / eventsPerSession) : 1,
    );
    this.#other = this.#asking('other', 8, 1);
  }

  get isLarge(): boolean {
    return this.events > usualEvents;
  }

  #asking(id: string, seed: number, sessions: number): Asking {
    const log = new AgentLog(new SeededPrng(seed), { sessions });
    const questions = questionsOf(log, this.#context.scaled(20, 2));
    return { id, apiKey: `key-of-the-tenant-that-is-${id}`, log, sessions, questions };
  }

  async fill(server: AppProcess): Promise<Filled> {
    for (const { id, apiKey } of [this.#tenant, this.#other]) {
      await makeTenant(server, { id, apiKey });
    }
    let rawBytes = 0;
    const appendSeconds = await timedSeconds(async () => {
      rawBytes = await this.#append(server, this.#tenant, this.events);
    });
    const publishSeconds = await timedSeconds(() =>
      untilPublished(server, this.#context.scaled(3, 1)),
    );
    const { peakBytes } = processFigures(server.pid);
    await this.#append(server, this.#other, Math.min(this.events, usualEvents));
    await untilPublished(server, this.#context.scaled(3, 0));
    await this.#store.putIfAbsent('bench/range', new Uint8Array(64 * rangeBytes));
    await this.#plainRangeMs(0);
    return { appendSeconds, publishSeconds, rawBytes, peakBytes };
  }

  /** In the order in which a session takes turns with the others; the server gives names of events and times. */
  async #append(server: AppProcess, asking: Asking, count: number): Promise<number> {
    const headers = { ...jsonHeaders, ...headersOf(asking) };
    let bytes = 0;
    const appends = Array(Math.ceil(count / perAppend)).keys();
    await byConnections({ target: server, count: writers }, appends, async (connection, index) => {
      const path = `/v1/sessions/s-${index % asking.sessions}/events`;
      const events = Array.from({ length: perAppend }, () => this.#next(asking));
      const sent = (index + 1) * perAppend;
      if (sent % 1_000_000 === 0) this.#context.say(`  ${sent} events`);
      const body = Buffer.from(`[${events.join(',')}]`);
      bytes += body.length;
      await untilTaken(connection, requestBytes({ method: 'POST', path, headers, body }));
    });
    return bytes;
  }

  #next(asking: Asking): string {
    const event = asking.log.next();
    const text = String(event.body);
    if (asking === this.#tenant && !this.isLarge) {
      this.#kept.push({ ...event, body: Buffer.from(text) });
    }
    return text.replace(/^\{"id":"[^"]*",/, '{');
  }

  askWarm(server: AppProcess, place: Place): Promise<WaitsByWords> {
    const { questions } = this.#tenant;
    const ask = (question: string): Promise<void> => this.#ask(server, pathOf(place, question));
    return askWarm(questions, this.#context.scaled(5, 1), ask);
  }

  /** By FTS5, of the same events; undefined where they are many, or this SQLite has none. */
  async askFts5(): Promise<WaitsByWords | undefined> {
    if (this.isLarge) return undefined;
    try {
      const index = Fts5Index.of(this.#kept);
      const ask = async (question: string): Promise<unknown> => index.query(question);
      return await askWarm(this.#tenant.questions, this.#context.scaled(5, 1), ask);
    } catch (cause) {
      this.#context.say(`  ${theirs}: ${String(cause)}`);
      return undefined;
    }
  }

  /** Each by a process of its own: the first request opens the shard, and is none of a search. */
  async askCold(question: ColdQuestion): Promise<ColdWaits> {
    const { words, place, past } = question;
    const asked = this.#tenant.questions.get(words) ?? [];
    const [waitsMs, reads, rangesMs]: [number[], number[], number[]] = [[], [], []];
    for (let turn = 0; turn < this.#context.roundsOr(this.isLarge ? 1 : 4); turn += 1) {
      await using server = await this.start();
      await fetch(`${server.url}/v1/sessions/s-0`, { headers: headersOf(this.#tenant) });
      if (past === 'has answered others') await this.#answerOther(server);
      await delay(this.#context.scaled(3_000, 50));
      const readsBefore = await rangedReads(server);
      const path = pathOf(place, asked[turn % asked.length] ?? '');
      waitsMs.push(await timedMs(() => this.#ask(server, path)));
      await delay(this.#context.scaled(pageMsMax, 50));
      reads.push((await rangedReads(server)) - readsBefore);
      rangesMs.push(await this.#plainRangeMs(turn));
    }
    const overOneRangedRead = spreadOf(waitsMs).median / spreadOf(rangesMs).median;
    return { ...question, waitsMs, reads, overOneRangedRead };
  }

  async #answerOther(server: AppProcess): Promise<void> {
    for (const question of [...this.#other.questions.values()].flat()) {
      for (const place of places) await this.#ask(server, pathOf(place, question), this.#other);
    }
  }

  #plainRangeMs(turn: number): Promise<number> {
    const range = { firstByte: turn * rangeBytes, endByte: (turn + 1) * rangeBytes };
    return timedMs(() => this.#store.getRange('bench/range', range));
  }

  async #ask(server: AppProcess, path: string, asking: Asking = this.#tenant): Promise<void> {
    const answer = await fetch(`${server.url}${path}`, { headers: headersOf(asking) });
    const { data } = (await answer.json()) as { readonly data?: readonly unknown[] };
    if (!answer.ok || data === undefined) throw new Error(`${path}: ${answer.status}`);
    // Few events do not have every word.
    if (data.length === 0 && this.events >= usualEvents)
      throw new Error(`${path}: nothing is found`);
  }
}

const pathOf = (place: Place, words: string): string => {
  const query = `limit=10&q=${encodeURIComponent(words)}`;
  return place === 'in session' ? `/v1/sessions/s-0/events?${query}` : `/v1/search?${query}`;
};

const headersOf = ({ apiKey }: Pick<Asking, 'apiKey'>) => ({ authorization: `Bearer ${apiKey}` });

const filledRow = (events: number, filled: Filled): Row => ({
  what: `${events} events appended`,
  contestant: ours,
  perSecond: events / filled.appendSeconds,
  peakMib: filled.peakBytes / 1_048_576,
  more: {
    rawMib: mib(filled.rawBytes),
    publishedSecondsLater: hundredths(filled.publishSeconds),
  },
});

const warmRows = (what: string, contestant: string, waits: WaitsByWords): Row[] =>
  [...waits].map(([words, waitsMs]) => ({
    what: `${what}, ${words} words`,
    contestant,
    ...waitsOf(waitsMs),
  }));

const coldText = ({ place, words, past }: ColdQuestion): string =>
  `cold, ${place}, ${words} words, ${past}`;

const coldRow = (cold: ColdWaits): Row => ({
  what: coldText(cold),
  contestant: ours,
  ...waitsOf(cold.waitsMs),
  more: {
    starts: cold.waitsMs.length,
    rangedReads: spreadOf(cold.reads).median,
    overOneRangedRead: hundredths(cold.overOneRangedRead),
  },
});

const coldBar = (cold: ColdWaits): Bar =>
  atMost(`${coldText(cold)}: p50 ms`, spreadOf(cold.waitsMs).median, 100);

const p50Of = (waits: WaitsByWords | undefined, words: WordCount): number | undefined => {
  const waitsMs = waits?.get(words);
  return waitsMs === undefined ? undefined : spreadOf(waitsMs).median;
};

const warmBars = (place: Place, waits: WaitsByWords | undefined, bound: number): Bar[] =>
  wordCounts.map((words) =>
    atMost(`warm, ${place}, ${words} words: p50 ms`, p50Of(waits, words), bound),
  );

function usualBars(
  warm: ReadonlyMap<Place, WaitsByWords>,
  fts5: WaitsByWords | undefined,
): readonly Bar[] {
  return places.flatMap((place) => {
    const waits = warm.get(place);
    const overFts5 = wordCounts.map((words) => {
      const text = `warm, ${place}, ${words} words: p50 over FTS5`;
      const [one, other] = [p50Of(waits, words), p50Of(fts5, words)];
      if (one === undefined || other === undefined) return notRun(text, 'no FTS5');
      return atMost(text, one / other, 1);
    });
    return [...warmBars(place, waits, 5), ...overFts5];
  });
}
