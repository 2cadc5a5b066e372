// Whatever is published, whoever asks, and whatever was deleted: what is found is what a reader of all events
// finds, and it is found with the same score.

import { silentLogger, silentMetrics, sleep } from '@tidemark/ports';
import {
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
} from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { TablePublications } from '@tidemark/replica';
import { Publisher, publisherDefaults } from '@tidemark/replica/publish';
import { append, plain, startProcess } from '@tidemark/replica/testing';
import { nameOfSession, type SearchAnswer } from '@tidemark/search';
import { TableStore } from '@tidemark/tables';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SessionIndexer } from './publish.ts';
import { SessionSearch, sessionSearchDefaults } from './session-search.ts';

const words = ['anchor', 'beacon', 'cinder', 'dynamo'] as const;
const nameOf = (index: number): SessionName => `s${index}` as SessionName;

const step = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    index: fc.nat({ max: 2 }),
    said: fc.array(fc.subarray([...words], { minLength: 1 }), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constantFrom('create', 'delete', 'publish', 'search', 'untyped'),
    index: fc.nat({ max: 2 }),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What is published while the tail stands before it, and is behind the tail when more comes. */
const publishedBehindTail: Step[] = [
  { kind: 'append', index: 2, said: [['beacon']] },
  { kind: 'search', index: 0 },
  { kind: 'append', index: 2, said: [['dynamo']] },
  { kind: 'publish', index: 0 },
  { kind: 'search', index: 0 },
  { kind: 'append', index: 2, said: [['beacon']] },
];

class Cell {
  readonly clock = new SimulatedClock();
  readonly #parts = { clock: this.clock, prng: new SeededPrng(1), instant: true };
  readonly #log = new SimulatedEventLog(this.#parts);
  readonly #store = new SimulatedObjectStore(this.#parts);

  async start(id: string, memoryBytesMax: number) {
    const { clock } = this;
    const prng = new SeededPrng(id.length);
    const objects = this.#store.connect(id);
    const tables = new TableStore(objects, { cacheBytesMax: 4_000_000 });
    const publications = new TablePublications(objects, tables);
    const log = this.#log.connect(id);
    const options = { log, clock, prng, publications, memoryBytesMax, partitions: 2 };
    const process = await this.clock.runUntil(startProcess(options));
    const { shards, tenant } = process;
    const indexer = new SessionIndexer({ objects, tables, clock, reader: shards.reader });
    const ports = { clock, prng, logger: silentLogger, metrics: silentMetrics };
    const publisher = new Publisher({ ...ports, publications, indexer }, shards, publisherDefaults);
    const search = new SessionSearch({ shards, tables, clock }, sessionSearchDefaults);
    const publish = async (): Promise<void> => {
      for (const replica of shards.opened)
        await clock.runUntil(publisher.publish(replica).catch(ignore));
    };
    const { signal } = new AbortController();
    const find = (query: string): Promise<SearchAnswer> =>
      clock.runUntil(search.search(tenant, { query, hitsMax: 500 }, signal));
    return { ...process, publish, find };
  }
}

/** The control log is not published. */
const ignore = (): void => undefined;

type Running = Awaited<ReturnType<Cell['start']>>;

async function act({ writes, tenant }: Running, given: Step): Promise<void> {
  const name = nameOf(given.index);
  if (given.kind === 'create') await writes.create(tenant, name, plain);
  if (given.kind === 'delete') await writes.delete(tenant, name);
  if (given.kind === 'untyped')
    await writes.append(tenant, name, {
      ...append('{"text":"anchor"}'),
      creates: true,
    });
  if (given.kind !== 'append') return;
  const events = given.said.map((said) =>
    JSON.stringify({ type: 'user.message', content: [{ type: 'text', text: said.join(' ') }] }),
  );
  await writes.append(tenant, name, {
    ...append(...events),
    types: events.map(() => 'user.message'),
    creates: true,
  });
}

/** By reading everything there is. */
async function plainly({ shards, tenant }: Running, word: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    const { replica, key } = shards.locate(tenant, nameOf(index));
    await replica.readIndex();
    await replica.with(key, async (session) => {
      const { stream } = session.state;
      for (let seq = 0; seq < (stream?.tailSeq ?? 0); seq += 1) {
        const bounds = { position: seq, bytesMax: 0, eventsMax: 1 };
        const [body] = (await shards.reader.read({ replica, session }, bounds)).split();
        const event = JSON.parse(Buffer.from(body ?? []).toString()) as { type?: string };
        if (event.type !== undefined && JSON.stringify(event).includes(word))
          found.push(`${key} ${seq}`);
      }
    });
  }
  return found.sort();
}

const placesIn = ({ hits }: SearchAnswer): readonly string[] =>
  hits.map(({ session, seq }) => `${nameOfSession(session)} ${seq}`).sort();

const scoresIn = ({ hits }: SearchAnswer): ReadonlyMap<string, number> =>
  new Map(hits.map(({ session, seq, score }) => [`${session} ${seq}`, score]));

test('every history is searched as it stands, by whoever has folded it and by whoever begins', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array<Step>(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const cell = new Cell();
      const writer = await cell.start('writer', 1 << 30);
      for (const next of steps) {
        await cell.clock.runUntil(sleep(cell.clock, 1));
        if (next.kind === 'publish') await writer.publish();
        else if (next.kind === 'search') await writer.find('anchor beacon');
        else await cell.clock.runUntil(act(writer, next).catch(ignore));
      }
      const late = await cell.start('another', 1);
      for (const word of words) {
        const expected = await cell.clock.runUntil(plainly(writer, word));
        const [own, others] = [await writer.find(word), await late.find(word)];
        expect(placesIn(own)).toEqual(expected);
        expect(placesIn(others)).toEqual(expected);
        expect(scoresIn(others)).toEqual(scoresIn(own));
      }
    }),
    { numRuns: 200, examples: [[publishedBehindTail]] },
  );
});
