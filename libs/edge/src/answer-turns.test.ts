import { SimulatedClock } from '@tidemark/ports/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { AnswerTurns } from './answer-turns.ts';

const mebibyte = 1_048_576;

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

const ask = (name: string, bytes: number): (() => void) =>
  turns.take(bytes, () => sent.push({ name, atMs: clock.monotonicMs() }));

const names = (): string[] => sent.map(({ name }) => name);

test('while nobody writes every answer is sent at once', () => {
  isWritten = false;
  ask('one', mebibyte);
  ask('two', mebibyte);
  expect(names()).toEqual(['one', 'two']);
});

describe('while somebody writes', () => {
  test('answers are sent in their order, each with a rest by its bytes behind it', async () => {
    const startMs = clock.monotonicMs();
    ask('one', 2 * mebibyte);
    ask('two', mebibyte);
    ask('three', mebibyte);
    await clock.advance(100);
    expect(sent.map(({ name, atMs }) => [name, atMs - startMs])).toEqual([
      ['one', 0],
      ['two', 16],
      ['three', 24],
    ]);
  });

  test('who has gone is not sent anything, and costs no turn', async () => {
    ask('one', mebibyte);
    ask('gone', mebibyte)();
    ask('three', mebibyte);
    await clock.advance(8);
    expect(names()).toEqual(['one', 'three']);
  });

  test('once nobody writes any more, all that wait are sent', async () => {
    for (const name of ['one', 'two', 'three', 'four']) ask(name, mebibyte);
    isWritten = false;
    await clock.advance(8);
    expect(names()).toEqual(['one', 'two', 'three', 'four']);
  });

  test('who comes after the rest is sent at once', async () => {
    ask('one', mebibyte);
    await clock.advance(20);
    ask('two', mebibyte);
    expect(names()).toEqual(['one', 'two']);
  });
});

test('closing leaves nobody waiting', () => {
  ask('one', mebibyte);
  ask('two', mebibyte);
  turns.close();
  expect(names()).toEqual(['one', 'two']);
});
