// A process that remembers ten sessions answers as one that remembers all of them: over random histories
// of two writers, with publications and restarts in between, every answer and every digest is the same.

import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import { isProblem, type SessionName } from '@tidemark/protocol';
import type { AppendCommand } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ShardReplica } from './shard-replica.ts';
import {
  append,
  type CreateRequest,
  plain,
  type SimulatedProcess,
  SimulatedPublications,
  startProcess,
} from './testing.ts';
import type { UsageRow } from './usage-rows.ts';

const sessionsMax = 24;
/** What ten sessions take. */
const tinyBytes = 25_000;

type Step =
  | { readonly kind: 'create'; readonly at: number; readonly request: CreateRequest }
  | { readonly kind: 'fork'; readonly at: number; readonly source: number }
  | { readonly kind: 'append'; readonly at: number; readonly command: AppendCommand }
  | { readonly kind: 'delete' | 'read'; readonly at: number }
  | { readonly kind: 'publish' }
  | { readonly kind: 'restart' };

const at = fc.nat(sessionsMax - 1);
const few = fc.constantFrom('a', 'b', 'c');
const more: fc.Arbitrary<Partial<AppendCommand>> = fc.oneof(
  fc.constant({}),
  few.map((key) => ({ key })),
  few.map((id) => ({ eventIds: [id] })),
  fc.nat(3).map((seq) => ({ producer: { id: 'p', epoch: 0, seq } })),
  fc.constantFrom('1', '2', '3').map((streamSeq) => ({ streamSeq })),
  fc.nat(3).map((matchSeq) => ({ matchSeq })),
  fc.constant({ close: true }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: at.map((where) => ({ kind: 'create', at: where, request: plain }) as const),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(at, more, fc.nat(900)).map(([where, extra, size]) => {
      const command = { ...append(JSON.stringify('x'.repeat(size))), ...extra };
      return { kind: 'append', at: where, command } as const;
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(at, at)
      .map(([where, source]) => ({ kind: 'fork', at: where, source }) as const),
  },
  { weight: 2, arbitrary: at.map((where) => ({ kind: 'delete', at: where }) as const) },
  { weight: 6, arbitrary: at.map((where) => ({ kind: 'read', at: where }) as const) },
  { weight: 3, arbitrary: fc.constant({ kind: 'publish' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
);

const nameOf = (index: number): SessionName => `s${index}` as SessionName;

/** One log, a writer under test and another beside it. */
class Cell {
  readonly #clock = new SimulatedClock();
  readonly #log = new SimulatedEventLog({
    clock: this.#clock,
    prng: new SeededPrng(1),
    instant: true,
  });
  readonly #publications: SimulatedPublications | undefined;
  readonly #writers: SimulatedProcess[] = [];
  #starts = 0;

  constructor(isTiny: boolean) {
    this.#publications = isTiny
      ? new SimulatedPublications({ clock: this.#clock, prng: new SeededPrng(2) })
      : undefined;
  }

  async start(index: number): Promise<void> {
    this.#starts += 1;
    const name = `writer ${index} ${this.#starts}`;
    const isTiny = index === 0 && this.#publications !== undefined;
    this.#writers[index] = await startProcess({
      log: this.#log.connect(name),
      clock: this.#clock,
      prng: new SeededPrng(10 + this.#starts),
      memoryBytesMax: isTiny ? tinyBytes : 1 << 30,
      ...(isTiny ? { publications: this.#publications } : {}),
    });
  }

  /** What the writer answers, as text. */
  async run(index: number, asked: Step): Promise<string> {
    if (asked.kind === 'publish') return this.#publish();
    if (asked.kind === 'restart') return this.start(0).then(() => '');
    try {
      // Who has folded what the other wrote writes nothing that is void: ids are drawn alike.
      const writer = this.#writer(index);
      await this.#clock.runUntil(this.#replicaOf(writer).readIndex());
      const answered = this.#ask(writer, asked);
      return JSON.stringify(await this.#clock.runUntil(answered));
    } catch (cause) {
      if (!isProblem(cause)) throw cause;
      return cause.code;
    }
  }

  #writer(index: number): SimulatedProcess {
    return this.#writers[index] as SimulatedProcess;
  }

  #replicaOf({ shards, tenant }: SimulatedProcess): ShardReplica {
    return shards.locate(tenant, nameOf(0)).replica;
  }

  async #publish(): Promise<string> {
    const replica = this.#replicaOf(this.#writer(0));
    await replica.readIndex();
    const published = await this.#publications?.publish(replica);
    if (published !== undefined) await replica.moveTo(published);
    return '';
  }

  #ask(
    { writes, tenant, shards }: SimulatedProcess,
    asked: Exclude<Step, { kind: 'publish' } | { kind: 'restart' }>,
  ): Promise<unknown> {
    const name = nameOf(asked.at);
    switch (asked.kind) {
      case 'create':
        return writes.create(tenant, name, asked.request);
      case 'fork': {
        const fork = { source: nameOf(asked.source), offset: undefined, subOffset: 0 };
        return writes.create(tenant, name, { ...plain, fork });
      }
      case 'append':
        return writes.append(tenant, name, asked.command);
      case 'delete':
        return writes.delete(tenant, name);
      case 'read': {
        const { replica, key } = shards.locate(tenant, name);
        return replica.readIndex().then(() =>
          replica.with(key, async (session) => {
            if (session.events === undefined) return session.state.life;
            const bounds = { position: 0, bytesMax: 1 << 20, eventsMax: 10_000 };
            const { bodies } = await shards.reader.read({ replica, session }, bounds);
            return bodies.map(textOf).join('');
          }),
        );
      }
    }
  }

  async digest(): Promise<unknown> {
    const replica = this.#replicaOf(this.#writer(0));
    await replica.readIndex();
    const range = { tenant: 'default', fromDay: 0, toDay: 90_000, after: undefined };
    const usage: UsageRow[] = [];
    await this.#clock.runUntil(
      (async () => {
        for await (const row of replica.usage(range)) usage.push(row);
      })(),
    );
    const inOrder = usage.sort((one, other) => (one.row < other.row ? -1 : 1));
    return [replica.fold.position, replica.fold.digest, inOrder];
  }

  get sessionBytes(): number {
    return this.#writer(0).shards.budget.sessionBytes;
  }
}

test('ten sessions in memory answer as all of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(1), step), { minLength: 20, maxLength: 160 }),
      async (steps) => {
        const cells = [new Cell(true), new Cell(false)] as const;
        for (const cell of cells) {
          await cell.start(0);
          await cell.start(1);
        }
        for (const [index, asked] of steps) {
          const [tiny, whole] = cells;
          expect(await tiny.run(index, asked)).toBe(await whole.run(index, asked));
        }
        expect(await cells[0].digest()).toEqual(await cells[1].digest());
      },
    ),
    { numRuns: 60 },
  );
});

test('what is published leaves memory once there is no room for it', async () => {
  const cell = new Cell(true);
  await cell.start(0);
  const body = append(JSON.stringify(textOf(bytesOf('x'))));
  for (let index = 0; index < sessionsMax; index += 1) {
    await cell.run(0, { kind: 'create', at: index, request: plain });
    await cell.run(0, { kind: 'append', at: index, command: body });
  }
  expect(cell.sessionBytes).toBeGreaterThan(tinyBytes);
  await cell.run(0, { kind: 'publish' });
  await cell.run(0, { kind: 'append', at: 0, command: body });
  expect(cell.sessionBytes).toBeLessThanOrEqual(tinyBytes);
});
