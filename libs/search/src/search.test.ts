// Whatever tables and tail the events are divided into, and whatever was trimmed, erased and merged, a search answers
// as one that goes through all events and counts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SearchEvent } from './document.ts';
import { search, searchSessions } from './search.ts';
import { type Asked, inOrder, naiveSearch, type Ranked } from './testing/naive-search.ts';
import { openSources, signal, type TestSources } from './testing/sources.ts';

const vocabulary = [
  ...['alpha', 'beta', 'gamma', 'delta', 'permission', 'permissions', 'denied', 'the'],
  ...[
    'readFile',
    'src/a/read.ts:42',
    'snake_case',
    'constructor',
    '__proto__',
    'C++',
    '東京都',
    'not',
  ],
];
const sessions = ['s1', 's2', 's3\nabc', 'sÄ', 's😀'];
const types = ['agent.message', 'agent.tool_result', 'log.line'];

const word = fc
  .integer({ min: 0, max: vocabulary.length - 1 })
  .map((at) => vocabulary[at] as string);

const body = fc
  .record({
    type: fc.constantFrom(...types),
    text: fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
    isError: fc.boolean(),
  })
  .map(({ type, text, isError }) => JSON.stringify({ type, content: text, is_error: isError }));

interface Step {
  readonly session: string;
  readonly body: string;
}

const steps = fc.array(fc.record({ session: fc.constantFrom(...sessions), body }), {
  minLength: 1,
  maxLength: 120,
});

const removal = fc.record({
  session: fc.constantFrom(...sessions),
  firstKeptSeq: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(Number.POSITIVE_INFINITY)),
});

const plan = fc.record({
  steps,
  /** Where one source ends and the next begins, as shares of all events. */
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
  partEventsMax: fc.integer({ min: 1, max: 40 }),
  isSettled: fc.boolean(),
  /** Tables that become one. */
  merged: fc.integer({ min: 0, max: 5 }),
  removals: fc.array(removal, { maxLength: 3 }),
});

function eventsOf(given: readonly Step[]): SearchEvent[] {
  const seqs = new Map<string, number>();
  return given.map(({ session, body }, at) => {
    const seq = seqs.get(session) ?? 0;
    seqs.set(session, seq + 1);
    return { session, seq, timeMs: 1_000_000 + at * 10, body };
  });
}

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

async function sourcesOf(planned: Plan): Promise<{ sources: TestSources; left: SearchEvent[] }> {
  const events = eventsOf(planned.steps);
  const ends = planned.cuts.map((share) => Math.floor(share * events.length)).sort((a, b) => a - b);
  const sources = openSources({ partEventsMax: planned.partEventsMax });
  for (const [at, event] of events.entries()) sources.tail.add({ ...event, offset: BigInt(at) });
  let start = 0;
  for (const end of ends) {
    await sources.publish(events.slice(start, end));
    start = end;
  }
  sources.tail.dropBelow(BigInt(start));
  if (planned.isSettled) await sources.tail.settle(() => Promise.resolve());
  for (const { session, firstKeptSeq } of planned.removals) sources.remove(session, firstKeptSeq);
  await sources.merge(planned.merged);
  const kept = new Map(sources.removed);
  const left = events.filter(({ session, seq }) => seq >= (kept.get(session) ?? 0));
  return { sources, left };
}

/** Where they stand: those whose scores rounding alone tells apart may stand either way. */
function placesOf(hits: readonly Ranked[]): readonly string[] {
  for (const [at, { score }] of hits.entries()) {
    expect(score).toBeLessThanOrEqual(hits[at - 1]?.score ?? Infinity);
  }
  return inOrder(hits).map(({ session, seq }) => `${session} ${seq}`);
}

const closeTo = (one: number, other: number): boolean =>
  Math.abs(one - other) <= 1e-9 * (1 + Math.abs(other));

async function expectAsNaive(sources: TestSources, left: readonly SearchEvent[], asked: Asked) {
  const expected = naiveSearch(left, asked);
  const request = {
    query: asked.query,
    hitsMax: 1_000,
    ...(asked.session === undefined ? {} : { session: asked.session }),
  };
  const { hits } = await search(sources.of(left), request, signal);
  expect(placesOf(hits)).toEqual(placesOf(expected));
  for (const [at, { score }] of inOrder(hits).entries()) {
    expect(closeTo(score, expected[at]?.score ?? Number.NaN)).toBe(true);
  }
}

const words = fc
  .array(word, { minLength: 1, maxLength: 30 })
  .map((many) => ({ query: many.join(' '), terms: many }));

test('ranks and scores as one index of everything, whatever the words', async () => {
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(
      plan,
      words,
      fc.option(fc.constantFrom(...sessions), { nil: undefined }),
      async (planned, { query }, session) => {
        fc.pre(/[^the ]/.test(query));
        const { sources, left } = await sourcesOf(planned);
        await expectAsNaive(sources, left, { query, session });
      },
    ),
    { numRuns: 300 },
  );
});

const clause = fc.oneof(
  word.filter((text) => text !== 'the'),
  word.filter((text) => text !== 'the').map((text) => `-${text}`),
  word.filter((text) => text !== 'the').map((text) => `+${text}`),
  fc.constantFrom('perm*', 'al*', 'permissio*', 'src/re*', '東*', '-be*', '+sna*', '都'),
  fc.constantFrom(
    '"permission denied"',
    '"alpha beta"',
    '-"beta alpha"',
    '"京都"',
    '"a read"',
    '"the permissions"',
  ),
  fc.constantFrom(
    'type:agent.message',
    'type:agent.*',
    '-type:log.line',
    'error:true',
    '-error:true',
    'error:denied',
  ),
  fc.constantFrom(
    'session:s1',
    'session:s3',
    '-session:s*',
    'after:1970-01-01T00:16:40.500Z',
    'before:1970-01-01T00:16:40.300Z',
  ),
);

test('phrases, prefixes, exclusions and filters answer as a scan does', async () => {
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(
      plan,
      fc.array(clause, { minLength: 1, maxLength: 4 }),
      async (planned, clauses) => {
        const query = clauses.join(' ');
        fc.pre(clauses.some((text) => !/^-(?!type|error|session)/.test(text)));
        const { sources, left } = await sourcesOf(planned);
        await expectAsNaive(sources, left, { query });
      },
    ),
    { numRuns: 500 },
  );
});

describe('pages', () => {
  test('give every hit once, in order, also while events are added', async () => {
    await fc.assert(
      fc.asyncProperty(
        plan,
        words,
        fc.integer({ min: 1, max: 7 }),
        async (planned, { query }, hitsMax) => {
          fc.pre(/[^the ]/.test(query));
          const { sources, left } = await sourcesOf(planned);
          const given: Ranked[] = [];
          let cursor: string | undefined;
          let added = 0;
          do {
            const request = { query, hitsMax, ...(cursor === undefined ? {} : { cursor }) };
            const { hits, nextCursor } = await search(sources.of(left), request, signal);
            given.push(...hits);
            cursor = nextCursor;
            const text = JSON.stringify({ type: 'agent.message', content: query });
            if (added === 20) continue;
            sources.tail.add({
              session: 'late',
              seq: added,
              timeMs: 9e9,
              body: text,
              offset: BigInt(10_000 + added),
            });
            added += 1;
          } while (cursor !== undefined);
          const before = given.filter(({ session }) => session !== 'late');
          expect(placesOf(before)).toEqual(placesOf(naiveSearch(left, { query })));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('of phrases and of filters alone give every hit once as well', async () => {
    const asked = ['"alpha beta"', 'type:agent.*', 'error:true -alpha'];
    await fc.assert(
      fc.asyncProperty(plan, fc.constantFrom(...asked), async (planned, query) => {
        const { sources, left } = await sourcesOf(planned);
        const given: Ranked[] = [];
        let cursor: string | undefined;
        do {
          const request = { query, hitsMax: 3, ...(cursor === undefined ? {} : { cursor }) };
          const { hits, nextCursor } = await search(sources.of(left), request, signal);
          given.push(...hits);
          cursor = nextCursor;
        } while (cursor !== undefined);
        expect(placesOf(given)).toEqual(placesOf(naiveSearch(left, { query })));
      }),
      { numRuns: 100 },
    );
  });
});

test('sessions are ranked by their best hit, with how many they have', async () => {
  await fc.assert(
    fc.asyncProperty(plan, words, async (planned, { query }) => {
      fc.pre(/[^the ]/.test(query));
      const { sources, left } = await sourcesOf(planned);
      const expected = new Map<string, number>();
      for (const { session } of naiveSearch(left, { query })) {
        expected.set(session, (expected.get(session) ?? 0) + 1);
      }
      const best: Ranked[] = [];
      const counts = new Map<string, number | undefined>();
      let cursor: string | undefined;
      do {
        const request = { query, hitsMax: 2, ...(cursor === undefined ? {} : { cursor }) };
        const answer = await searchSessions(sources.of(left), request, signal);
        for (const each of answer.sessions) {
          best.push(each.best);
          counts.set(each.best.session, each.hits);
        }
        cursor = answer.nextCursor;
      } while (cursor !== undefined);
      expect(best).toHaveLength(expected.size);
      expect(Array.from(placesOf(best), (place) => place.split(' ')[0])).toEqual([
        ...expected.keys(),
      ]);
      expect(counts).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test('of equal scores the first places come first, in whatever source they lie', async () => {
  const sources = openSources();
  const text = JSON.stringify({ type: 'agent.message', content: 'alpha' });
  const eventOf = (session: string, seq: number) => ({ session, seq, timeMs: 0, body: text });
  await sources.publish([eventOf('m', 1), eventOf('z', 0), eventOf('z', 1)]);
  await sources.publish([eventOf('n', 0), eventOf('m', 0)]);
  sources.tail.add({ ...eventOf('a', 0), offset: 0n });
  const order = ['a 0', 'm 0', 'm 1', 'n 0', 'z 0', 'z 1'];
  for (let hitsMax = 1; hitsMax <= order.length; hitsMax += 1) {
    const { hits } = await search(sources.of([]), { query: 'alpha', hitsMax }, signal);
    expect(hits.map(({ session, seq }) => `${session} ${seq}`)).toEqual(order.slice(0, hitsMax));
  }
});

test('a long search lets others have their turn, and answers as of when it was asked', async () => {
  const sources = openSources();
  const events = eventsOf(
    Array.from({ length: 1_000 }, (_, at) => ({
      session: `s${at}`,
      body: JSON.stringify({ type: 'agent.message', content: at % 2 === 0 ? 'alpha' : 'beta' }),
    })),
  );
  for (const event of events) await sources.publish([event]);
  const asked = { query: 'alpha', hitsMax: 1_000 };
  const expected = await search(sources.of(events), asked, signal);
  expect(expected.hits).toHaveLength(500);
  let rests = 0;
  const rest = (): Promise<void> => {
    const [like] = events as [SearchEvent];
    sources.tail.add({ ...like, session: `later${rests}`, seq: 0, offset: BigInt(rests) });
    rests += 1;
    return Promise.resolve();
  };
  expect(await search({ ...sources.of(events), rest }, asked, signal)).toEqual(expected);
  expect(rests).toBe(2);
});
