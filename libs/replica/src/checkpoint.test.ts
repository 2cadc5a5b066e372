import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredRecord } from '@tidemark/ports';
import { type Command, decide, encodeRecordHeaders } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckpointRefused, encodeCheckpoint, restoreCheckpoint } from './checkpoint.ts';
import { HotBudget } from './hot-budget.ts';
import { ShardFold } from './shard-fold.ts';

const newFold = (knownLevel = 1, logEpoch = 'epoch'): ShardFold =>
  new ShardFold(new HotBudget(1_000_000), {
    space: { kind: 'own', tenant: 'tenant' },
    logEpoch,
    knownLevel,
  });

/** A log that is written by deciding commands on a fold of it, with ids that count up. */
class WrittenLog {
  readonly records: StoredRecord[] = [];
  readonly #fold: ShardFold;
  #ids = 0;

  constructor(knownLevel = 1) {
    this.#fold = newFold(knownLevel);
  }

  run(key: string, command: Command): void {
    const decision = decide(this.#fold.session(key).state, command, {
      nowMs: 1_000 + this.records.length,
      logEpoch: 'epoch',
      level: 1,
      newId: () => this.#newId(),
    });
    if (decision.kind !== 'write') return;
    for (const record of decision.records) {
      const stored = {
        offset: BigInt(this.records.length),
        key: bytesOf(key),
        value: record.value,
        headers: encodeRecordHeaders(record),
        timeMs: record.timeMs,
      };
      this.records.push(stored);
      this.#fold.fold(stored);
    }
  }

  #newId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(32, '0');
  }
}

const create: Command = {
  kind: 'create',
  contentType: 'application/json',
  ttlMs: undefined,
  expiresAtMs: undefined,
  isClosed: false,
  events: [],
};
const append = (more: object): Command => ({
  kind: 'append',
  contentType: 'application/json',
  events: [bytesOf('1')],
  close: false,
  ...more,
});

const command = fc.oneof(
  fc.constant(create),
  fc.constant<Command>({ kind: 'delete' }),
  fc.constant<Command>({ kind: 'touch' }),
  fc.constant<Command>({ ...create, ttlMs: 60_000, contentType: 'text/plain' } as Command),
  fc.nat({ max: 3 }).map((seq) => append({ producer: { id: 'p', epoch: 0, seq } })),
  fc.string({ minLength: 1 }).map((key) => append({ key, streamSeq: key })),
  fc.string({ minLength: 1 }).map((id) => append({ eventIds: [id] })),
  fc.constant(append({ close: true })),
  fc.constant<Command>({ kind: 'burn', forkIncarnation: 'f' }),
);
const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), command);

function foldAll(fold: ShardFold, records: readonly StoredRecord[]): ShardFold {
  for (const record of records) fold.fold(record);
  return fold;
}

test('a fold that begins at a checkpoint ends where one that began at 0 does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, place) => {
      const log = new WrittenLog();
      for (const [key, next] of steps) log.run(key, next);
      const at = place % (log.records.length + 1);
      const whole = foldAll(newFold(), log.records);
      const resumed = newFold();
      restoreCheckpoint(resumed, encodeCheckpoint(foldAll(newFold(), log.records.slice(0, at))));
      foldAll(resumed, log.records.slice(at));
      expect(textOf(encodeCheckpoint(resumed))).toBe(textOf(encodeCheckpoint(whole)));
      expect(resumed.digest).toBe(whole.digest);
    }),
  );
});

describe('a checkpoint is refused', () => {
  const written = (): Uint8Array => {
    const log = new WrittenLog();
    log.run('a', create);
    return encodeCheckpoint(foldAll(newFold(), log.records));
  };

  test('where any byte of it has changed', () => {
    const bytes = written();
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, flip) => {
          const damaged = bytes.slice();
          damaged[at] = (damaged[at] as number) ^ flip;
          expect(() => restoreCheckpoint(newFold(), damaged)).toThrow(CheckpointRefused);
        },
      ),
    );
    expect(() => restoreCheckpoint(newFold(), bytes.subarray(0, -9))).toThrow(CheckpointRefused);
    expect(() => restoreCheckpoint(newFold(), new Uint8Array(0))).toThrow(CheckpointRefused);
  });

  test('by code that does not know its level', () => {
    const log = new WrittenLog(2);
    log.run('$shard', { kind: 'level', level: 2 });
    const raised = encodeCheckpoint(foldAll(newFold(2), log.records));
    expect(() => restoreCheckpoint(newFold(1), raised)).toThrow('fold level 2 is beyond 1');
    restoreCheckpoint(newFold(2), raised);
  });

  test('where it is of another log epoch', () => {
    expect(() => restoreCheckpoint(newFold(1, 'other'), written())).toThrow('another log epoch');
  });
});

test('the bytes are those of the first release', () => {
  const log = new WrittenLog();
  log.run('a', create);
  log.run('a', append({ producer: { id: 'p', epoch: 1, seq: 0 }, streamSeq: '1', key: 'k' }));
  log.run('a', append({ eventIds: ['e'] }));
  log.run('b', { ...create, contentType: 'text/plain', ttlMs: 1_000 } as Command);
  log.run('c', create);
  log.run('c', { kind: 'delete' });
  const golden = readFileSync(join(import.meta.dirname, '../fixtures/checkpoint-v1.jsonl'), 'utf8');
  expect(textOf(encodeCheckpoint(foldAll(newFold(), log.records)))).toBe(golden);
  const restored = newFold();
  restoreCheckpoint(restored, bytesOf(golden));
  expect(restored.peek('a')?.state.stream?.producers.get('p')).toMatchObject({ epoch: 1, seq: 0 });
  expect(restored.position).toBe(BigInt(log.records.length));
});
