import { EventEmitter } from 'node:events';
import { SimulatedClock } from '@tidemark/ports/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { AnswerTurns } from './answer-turns.ts';

class Answer extends EventEmitter {
  destroyed = false;
}

let clock: SimulatedClock;
let turns: AnswerTurns;
let isWritten: boolean;
let sent: { readonly name: string; readonly atMs: number }[];

beforeEach(() => {
  clock = new SimulatedClock();
  isWritten = true;
  sent = [];
  turns = new AnswerTurns(clock, () => isWritten);
});

/** Asks for an answer that takes so long once it has begun. */
function ask(name: string, tookMs: number): Answer {
  const answer = new Answer();
  const startMs = clock.monotonicMs();
  turns.take(answer, () => {
    sent.push({ name, atMs: clock.monotonicMs() - startMs });
    clock.schedule(tookMs, () => answer.emit('finish'));
  });
  return answer;
}

const names = (): string[] => sent.map(({ name }) => name);

describe('while nobody writes', () => {
  test('every answer is sent at once', () => {
    isWritten = false;
    ask('one', 5);
    ask('two', 5);
    expect(names()).toEqual(['one', 'two']);
  });
});

describe('while somebody writes', () => {
  test('answers are sent one behind the other, with rests between them, in their order', async () => {
    for (const name of ['one', 'two', 'three']) ask(name, 5);
    await clock.advance(100);
    expect(sent).toEqual([
      { name: 'one', atMs: 0 },
      { name: 'two', atMs: 25 },
      { name: 'three', atMs: 50 },
    ]);
  });

  test('a reader that takes nothing has a turn and no more', async () => {
    ask('stuck', 10_000);
    ask('next', 1);
    await clock.advance(99);
    expect(names()).toEqual(['stuck']);
    await clock.advance(1);
    expect(names()).toEqual(['stuck', 'next']);
  });

  test('who has gone is not sent anything, and costs no turn', async () => {
    ask('one', 5);
    ask('gone', 5).destroyed = true;
    ask('three', 5);
    await clock.advance(25);
    expect(names()).toEqual(['one', 'three']);
  });

  test('a client that goes in its turn ends it once', async () => {
    const answer = ask('one', 3);
    ask('two', 1);
    ask('three', 1);
    await clock.advance(1);
    answer.emit('close');
    await clock.advance(4);
    expect(names()).toEqual(['one', 'two']);
  });

  test('once nobody writes any more, all that wait are sent', async () => {
    for (const name of ['one', 'two', 'three', 'four']) ask(name, 5);
    isWritten = false;
    await clock.advance(25);
    expect(names()).toEqual(['one', 'two', 'three', 'four']);
  });
});

test('closing leaves nobody waiting', () => {
  ask('one', 5);
  ask('two', 5);
  turns.close();
  expect(names()).toEqual(['one', 'two']);
});
