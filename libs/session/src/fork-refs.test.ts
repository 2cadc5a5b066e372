import { limits } from '@tidemark/protocol';
import { expect, test } from 'vitest';
import { ForkRefs } from './fork-refs.ts';

const ref = (fork: string) => ({ fork, timeMs: 1 });
const incarnationsOf = (refs: ForkRefs): string[] => [...refs].map(([incarnation]) => incarnation);

test('a layer sees what it lies over, and changes nothing of it', () => {
  const refs = ForkRefs.of([['a', ref('f')]]);
  const layer = refs.layer();
  layer.set('b', ref('g'));
  layer.delete('a');
  expect(incarnationsOf(layer)).toEqual(['b']);
  expect(incarnationsOf(refs)).toEqual(['a']);
});

test('has room for so many forks and so many bytes of their names, whatever went before', () => {
  const name = 'n'.repeat(1_024);
  const namesMax = limits.forkNamesBytesMax / name.length;
  const refs = ForkRefs.of();
  for (let index = 0; index < namesMax; index += 1) {
    expect(refs.hasRoomFor(name)).toBe(true);
    refs.set(String(index), ref(name));
  }
  expect(refs.hasRoomFor('')).toBe(true);
  expect(refs.hasRoomFor('f')).toBe(false);
  expect(ForkRefs.of(refs).hasRoomFor('f')).toBe(false);
  refs.delete('0');
  expect(refs.hasRoomFor(name)).toBe(true);
});
