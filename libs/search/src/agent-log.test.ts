// Over logs as agents make them: that skipping what cannot count changes nothing, that what is rare is found first,
// and what a search costs in requests and bytes.

import { SeededPrng } from '@tidemark/ports/testing';
import { TableStore } from '@tidemark/tables';
import { describe, expect, test } from 'vitest';
import type { SearchEvent } from './document.ts';
import { search } from './search.ts';
import { SearchTableReader } from './table-reader.ts';
import { AgentLog } from './testing/agent-log.ts';
import { naiveSearch } from './testing/naive-search.ts';
import { loaderOf, openSources, signal } from './testing/sources.ts';

const rest = (): Promise<void> => Promise.resolve();

interface Logged {
  readonly events: readonly SearchEvent[];
  readonly log: AgentLog;
}

function logged(count: number, sessions: number, seed = 3): Logged {
  const log = new AgentLog(new SeededPrng(seed), { sessions });
  return { log, events: Array.from({ length: count }, () => log.next()) };
}

async function published(events: readonly SearchEvent[], ends: readonly number[]) {
  const sources = openSources();
  for (const [at, event] of events.entries()) sources.tail.add({ ...event, offset: BigInt(at) });
  let start = 0;
  for (const end of ends) {
    await sources.publish(events.slice(start, end));
    start = end;
  }
  sources.tail.dropBelow(BigInt(start));
  await sources.tail.settle(rest);
  return sources;
}

describe('a log of many blocks and windows', () => {
  const { events, log } = logged(10_000, 3);
  const queries = [
    'permission denied',
    'error',
    log.sentence(8),
    log.sentence(30),
    `+test ${log.sentence(5)}`,
    `${log.sentence(6)} -error type:agent.*`,
  ];

  test('is ranked as if every event had been scored', async () => {
    const sources = await published(events, [5_000, 5_400, 9_000]);
    sources.remove('sesn_1', 1_500);
    const left = events.filter(({ session, seq }) => session !== 'sesn_1' || seq >= 1_500);
    for (const query of queries) {
      for (const session of [undefined, 'sesn_0', 'sesn_1']) {
        const asked = { query, ...(session === undefined ? {} : { session }) };
        const { hits } = await search(sources.of(left), { ...asked, hitsMax: 50 }, signal);
        const best = await search(sources.of(left), { ...asked, hitsMax: 3 }, signal);
        const places = hits.map((hit) => [hit.session, hit.seq, hit.score.toFixed(8)]);
        const expected = naiveSearch(left, asked).slice(0, 50);
        expect(places).toEqual(expected.map((hit) => [hit.session, hit.seq, hit.score.toFixed(8)]));
        expect(best.hits).toEqual(hits.slice(0, 3));
      }
    }
  });

  test('gives the same bits however it is divided and merged', async () => {
    const one = await published(events, [10_000]);
    const many = await published(events, [1_000, 3_000, 4_000, 8_000]);
    const merged = await published(events, [1_000, 3_000, 4_000, 8_000]);
    await merged.merge();
    for (const query of queries) {
      const answers = await Promise.all(
        [one, many, merged].map((sources) =>
          search(sources.of(events), { query, hitsMax: 20 }, signal),
        ),
      );
      expect(answers[1]?.hits).toEqual(answers[0]?.hits);
      expect(answers[2]?.hits).toEqual(answers[0]?.hits);
    }
  });
});

test('what stands in one event is found first: paths, identifiers, errors', async () => {
  const { log } = logged(0, 6, 11);
  const items: { readonly item: string; readonly event: SearchEvent }[] = [];
  const events = Array.from({ length: 8_000 }, (_, at) => {
    const item = at % 40 === 7 ? log.rareItem() : undefined;
    const event = log.next(item);
    if (item !== undefined) items.push({ item, event });
    return event;
  });
  const sources = await published(events, [3_000, 6_000]);
  let first = 0;
  for (const { item, event } of items) {
    const { hits } = await search(sources.of(events), { query: item, hitsMax: 1 }, signal);
    if (hits[0]?.session === event.session && hits[0].seq === event.seq) first += 1;
  }
  expect(items.length).toBe(200);
  expect(first / items.length).toBeGreaterThanOrEqual(0.95);
});

test('a cold search costs two rounds of requests, in one session and over all', async () => {
  const { events } = logged(6_000, 20);
  for (const session of [undefined, 'sesn_3']) {
    const sources = await published(events, [2_000, 4_000, 6_000]);
    const { objects } = sources;
    const rounds: number[] = [];
    let inFlight = 0;
    const getRange = objects.getRange.bind(objects);
    objects.getRange = async (...args) => {
      if (inFlight === 0) rounds.push(0);
      rounds[rounds.length - 1] = (rounds.at(-1) as number) + 1;
      inFlight += 1;
      // The answers of a round come together, a while after it was asked for.
      for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
      try {
        return await getRange(...args);
      } finally {
        inFlight -= 1;
      }
    };
    const asked = { query: 'permission denied constructor perm*', hitsMax: 10 };
    const request = session === undefined ? asked : { ...asked, session };
    const { hits } = await search(sources.of(events), request, signal);
    expect(hits).toHaveLength(10);
    expect(rounds.length).toBeLessThanOrEqual(2);
    rounds.length = 0;
    await search(sources.of(events), request, signal);
    expect(rounds).toEqual([]);
  }
});

test('an index takes less than a fifth of its events', async () => {
  const { events } = logged(20_000, 4);
  const sources = await published(events, [20_000]);
  const raw = events.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  const stored = sources.tables
    .flatMap(({ run }) => run)
    .reduce((sum, { bytes }) => sum + bytes, 0);
  expect(stored / raw).toBeLessThan(0.2);
});

test('a byte that is not what was written is told, and never an answer', async () => {
  const { events } = logged(300, 2);
  const sources = await published(events, [300]);
  const [ref] = sources.tables[0]?.run ?? [];
  const { body } = (await sources.objects.get(ref?.name ?? '')) ?? { body: new Uint8Array(0) };
  const request = { query: 'error permission te* type:agent.*', hitsMax: 10 };
  const right = await search(sources.of(events), request, signal);
  let told = 0;
  for (let at = 0; at < body.length; at += 97) {
    const broken = Uint8Array.from(body);
    broken[at] = (broken[at] as number) ^ 0x08;
    const name = `broken/${at}`;
    await sources.objects.putIfAbsent(name, broken);
    const table = sources.tables[0] as (typeof sources.tables)[number];
    const tables = [{ ...table, run: table.run.map((part) => ({ ...part, name })) }];
    const given = { ...sources.of(events), tables };
    const answer = await search(given, request, signal).catch((cause: unknown) => cause);
    if (answer instanceof Error) {
      told += 1;
      expect(answer).toMatchObject({ code: 'corrupt' });
    } else {
      expect(answer).toMatchObject({ hits: right.hits });
    }
  }
  expect(told).toBeGreaterThan(5);
});

test('the tail keeps to its budget, and says what it could not take', async () => {
  const { events } = logged(4_000, 2);
  const sources = openSources({ bytesMax: 2_000_000, partEventsMax: 500 });
  for (const [at, event] of events.entries()) {
    sources.tail.add({ ...event, offset: BigInt(at) });
    if (at % 500 === 0) await sources.tail.settle(rest);
  }
  expect(sources.tail.bytes).toBeLessThan(3_000_000);
  const given = { ...sources.of(events), load: loaderOf(events) };
  const { notSearched } = await search(given, { query: 'error', hitsMax: 1 }, signal);
  expect(notSearched.missedEvents).toBe(4_000 - sources.tail.documents);
  expect(notSearched.missedEvents).toBeGreaterThan(0);
  sources.tail.dropBelow(4_000n);
  expect(sources.tail.documents).toBe(0);
  expect(sources.tail.missed).toBe(0);
  expect(sources.tail.bytes).toBe(0);
});

test('what is kept of tables stays within its budget, and answers are the same without it', async () => {
  const { events, log } = logged(6_000, 5);
  const sources = await published(events, [3_000, 6_000]);
  const ample = sources.of(events);
  const tables = new TableStore(sources.objects, { cacheBytesMax: 1_000_000 });
  const decodedBytesMax = 160_000;
  const reader = new SearchTableReader(tables, { decodedBytesMax });
  for (let asked = 0; asked < 20; asked += 1) {
    const request = { query: log.query(8), hitsMax: 10 };
    const answer = await search({ ...ample, reader }, request, signal);
    expect(answer).toEqual(await search(ample, request, signal));
    expect(reader.decodedBytes).toBeLessThanOrEqual(decodedBytesMax);
    expect(reader.decodedBytes).toBeGreaterThan(0);
  }
  expect(ample.reader.decodedBytes).toBeGreaterThan(decodedBytesMax);
});
