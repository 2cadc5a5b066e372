import { type EventLog, Fault, type Shard, type ShardBounds } from '@tidemark/ports';
import { settle } from '@tidemark/ports/testing';
import { describe, expect, test } from 'vitest';
import { ReadIndex } from './read-index.ts';

interface Question {
  readonly shards: readonly Shard[];
  readonly answer: (end: bigint | Error) => void;
}

/** A log of which only the question is asked, answered by hand. */
function asked(): { readonly readIndex: ReadIndex; readonly questions: Question[] } {
  const questions: Question[] = [];
  const log = {
    bounds: (shards: readonly Shard[]) =>
      new Promise<ReadonlyMap<Shard, ShardBounds | Error>>((resolve) => {
        questions.push({
          shards,
          answer: (end) =>
            resolve(
              new Map(
                shards.map((shard) => [shard, end instanceof Error ? end : { start: 0n, end }]),
              ),
            ),
        });
      }),
  } as unknown as EventLog;
  return { readIndex: new ReadIndex(log), questions };
}

const [a, b] = ['t/0', 't/1'] as Shard[] as [Shard, Shard];

describe('a request', () => {
  test('shares the question of its turn with those who ask for the same shard', async () => {
    const { readIndex, questions } = asked();
    const answers = [a, b, a].map((shard) => readIndex.boundsOf(shard));
    await settle();
    expect(questions.map(({ shards }) => shards)).toEqual([[a], [b]]);
    questions[0]?.answer(7n);
    questions[1]?.answer(8n);
    expect((await Promise.all(answers)).map(({ end }) => end)).toEqual([7n, 8n, 7n]);
  });

  test('does not wait for a shard that nobody leads', async () => {
    const { readIndex, questions } = asked();
    void readIndex.boundsOf(a);
    await settle();
    for (const end of [1n, 2n, 3n]) {
      const healthy = readIndex.boundsOf(b);
      await settle();
      questions.at(-1)?.answer(end);
      expect(await healthy).toMatchObject({ end });
    }
  });

  test('joins only a question that is sent after it arrived', async () => {
    const { readIndex, questions } = asked();
    const early = readIndex.boundsOf(a);
    await settle();
    const late = [readIndex.boundsOf(a), readIndex.boundsOf(a)];
    await settle();
    // One is under way, one is forming.
    expect(questions).toHaveLength(1);
    questions[0]?.answer(1n);
    expect((await early).end).toBe(1n);
    await settle();
    expect(questions).toHaveLength(2);
    questions[1]?.answer(2n);
    expect((await Promise.all(late)).map(({ end }) => end)).toEqual([2n, 2n]);
  });

  test('hears that its shard cannot be asked, and the next one asks again', async () => {
    const { readIndex, questions } = asked();
    const failing = readIndex.boundsOf(a);
    await settle();
    questions[0]?.answer(new Fault('unavailable', 'no leader', { effect: 'none' }));
    await expect(failing).rejects.toMatchObject({ reason: 'unavailable', effect: 'none' });
    const next = readIndex.boundsOf(a);
    await settle();
    questions[1]?.answer(3n);
    expect((await next).end).toBe(3n);
  });

  test('hears that its shard is no longer there', async () => {
    const { readIndex, questions } = asked();
    const failing = readIndex.boundsOf(a);
    await settle();
    questions[0]?.answer(new Fault('missing', 'gone', { effect: 'none' }));
    await expect(failing).rejects.toMatchObject({ reason: 'missing' });
  });
});
