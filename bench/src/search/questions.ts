import type { AgentLog } from '@tidemark/search/testing';
import { timedMs } from '../waits.ts';

export const wordCounts = [1, 2, 10, 30] as const;
export type WordCount = (typeof wordCounts)[number];

export type Questions = ReadonlyMap<WordCount, readonly string[]>;
/** In milliseconds. */
export type WaitsByWords = ReadonlyMap<WordCount, readonly number[]>;

/** So many of each count of words. */
export const questionsOf = (log: AgentLog, each: number): Questions =>
  new Map(wordCounts.map((words) => [words, Array.from({ length: each }, () => log.query(words))]));

/** All questions of a count once, so that they are warm; then so often in turn. */
export async function askWarm(
  questions: Questions,
  turns: number,
  ask: (question: string) => Promise<unknown>,
): Promise<WaitsByWords> {
  const byWords = new Map<WordCount, readonly number[]>();
  for (const [words, all] of questions) {
    const waitsMs: number[] = [];
    for (const question of all) await ask(question);
    for (let turn = 0; turn < turns; turn += 1) {
      for (const question of all) waitsMs.push(await timedMs(() => ask(question)));
    }
    byWords.set(words, waitsMs);
  }
  return byWords;
}
