import { describe, expect, test } from 'vitest';
import type { SearchEvent } from './document.ts';
import { search } from './search.ts';
import { searchLimits } from './search-limits.ts';
import { openSources, signal } from './testing/sources.ts';

const eventOf = (at: number, text: string, session = `s${at % 3}`): SearchEvent => ({
  session,
  seq: Math.floor(at / 3),
  timeMs: at,
  body: JSON.stringify({ type: 'agent.message', content: text }),
});

/** Enough of them that a part takes several steps to pack. */
const words = (at: number): string =>
  Array.from({ length: 20 }, (_, word) => `w${at}x${word}`).join(' ');

const events = (count: number): SearchEvent[] =>
  Array.from({ length: count }, (_, at) => eventOf(at, `alpha ${words(at)}`));

function filled(count: number, partEventsMax: number) {
  const sources = openSources({ partEventsMax });
  for (const [at, event] of events(count).entries()) {
    sources.tail.add({ ...event, offset: BigInt(10 * at) });
  }
  return sources;
}

/** Of all pages. */
async function found(sources: ReturnType<typeof filled>): Promise<string[]> {
  const places: string[] = [];
  let cursor: string | undefined;
  do {
    const request = { query: 'alpha', hitsMax: 1_000, ...(cursor === undefined ? {} : { cursor }) };
    const { hits, nextCursor } = await search(sources.of([]), request, signal);
    places.push(...hits.map(({ session, seq }) => `${session} ${seq}`));
    cursor = nextCursor;
  } while (cursor !== undefined);
  return places.sort();
}

const placesOf = (given: readonly SearchEvent[]) =>
  given.map(({ session, seq }) => `${session} ${seq}`).sort();

describe('a tail', () => {
  test('is searched whole while it is packed and merged, and loses what goes meanwhile', async () => {
    const sources = filled(2_000, 200);
    let steps = 0;
    await sources.tail.settle(async () => {
      steps += 1;
      if (steps === 3) sources.tail.remove('s1');
      if (steps === 5) sources.tail.dropBelow(300n);
      if (steps === 6) sources.tail.remove('s2', 150);
      const left = events(2_000).filter(({ session, seq }, at) => {
        if (steps >= 3 && session === 's1') return false;
        if (steps >= 5 && at < 30) return false;
        return !(steps >= 6 && session === 's2' && seq < 150);
      });
      expect(await found(sources)).toEqual(placesOf(left));
    });
    expect(steps).toBeGreaterThan(10);
    const left = events(2_000).filter(
      ({ session, seq }, at) => session !== 's1' && at >= 30 && !(session === 's2' && seq < 150),
    );
    expect(await found(sources)).toEqual(placesOf(left));
    expect(sources.tail.documents).toBe(left.length);
  });

  test('drops exactly what lies below an offset', async () => {
    for (const isSettled of [false, true]) {
      const sources = filled(60, 7);
      if (isSettled) await sources.tail.settle(() => Promise.resolve());
      sources.tail.dropBelow(191n);
      expect(await found(sources)).toEqual(placesOf(events(60).slice(20)));
      sources.tail.dropBelow(200n);
      expect(await found(sources)).toEqual(placesOf(events(60).slice(20)));
      sources.tail.dropBelow(201n);
      expect(await found(sources)).toEqual(placesOf(events(60).slice(21)));
      sources.tail.dropBelow(10_000n);
      expect(sources.tail.bytes).toBe(0);
    }
  });

  test('takes less memory once it is packed', async () => {
    const sources = filled(1_000, 250);
    const before = sources.tail.bytes;
    await sources.tail.settle(() => Promise.resolve());
    expect(sources.tail.bytes).toBeLessThan(before / 2);
  });
});

test('an answer says what it did not look into', async () => {
  const sources = openSources({ partEventsMax: 2, bytesMax: 400_000 });
  const image = { type: 'image', source: { type: 'base64', data: 'aGk=' } };
  const long = `alpha ${'x '.repeat(searchLimits.textCharsMax)}`;
  const given = [
    { ...eventOf(0, ''), body: JSON.stringify({ type: 'user.message', content: [image] }) },
    eventOf(1, long),
    eventOf(2, 'alpha'),
  ];
  await sources.publish(given.slice(0, 2));
  for (const event of [given[2] as SearchEvent]) sources.tail.add({ ...event, offset: 0n });
  let offset = 1n;
  while (sources.tail.add({ ...eventOf(3 * Number(offset) + 3, `alpha ${offset}`), offset }))
    offset += 1n;
  const other = { ...(sources.tables[0] as (typeof sources.tables)[number]), analysis: 99 };
  const asked = { ...sources.of([]), tables: [...sources.tables, other] };
  const { notSearched, hits } = await search(asked, { query: 'the alpha', hitsMax: 100 }, signal);
  expect(hits.find(({ isCut }) => isCut)).toMatchObject({ session: 's1', seq: 0 });
  expect(notSearched).toEqual({
    cutEvents: 1,
    blobEvents: 1,
    missedEvents: 1 + 2,
    ignoredWords: ['the'],
    isPhraseCut: false,
  });
});

test('a phrase that too few events have is looked for a thousand events a page', async () => {
  const sources = openSources();
  const given = Array.from({ length: 1_500 }, (_, at) =>
    eventOf(3 * at, at === 1_400 ? 'alpha beta' : 'beta alpha', 's'),
  );
  await sources.publish(given);
  const request = { query: '"alpha beta"', hitsMax: 10 };
  const first = await search(sources.of(given), request, signal);
  expect(first.hits).toEqual([]);
  expect(first.notSearched.isPhraseCut).toBe(true);
  const next = { ...request, cursor: first.nextCursor ?? '' };
  const second = await search(sources.of(given), next, signal);
  expect(second.hits.map(({ seq }) => seq)).toEqual([1_400]);
  expect(second.nextCursor).toBeUndefined();
});

test('a cursor is of one search, and whatever is none is refused', async () => {
  const sources = filled(30, 100);
  const request = { query: 'alpha', hitsMax: 5 };
  const { nextCursor = '' } = await search(sources.of([]), request, signal);
  const refused = (given: { query: string; cursor: string; session?: string }) =>
    expect(search(sources.of([]), { hitsMax: 5, ...given }, signal)).rejects.toMatchObject({
      code: 'invalid-request',
    });
  await refused({ query: 'word', cursor: nextCursor });
  await refused({ query: 'alpha', session: 's1', cursor: nextCursor });
  for (const cursor of [
    '',
    'x',
    nextCursor.slice(0, -4),
    Buffer.from('[1]').toString('base64url'),
  ]) {
    await refused({ query: 'alpha', cursor });
  }
});
