// The stemmer and the stop words are elasticlunr's; nothing else of it is used. Its list would hide words that
// mean something in code and in what goes wrong there.

// Whoever compiles this package from source needs the types that elasticlunr has not.
/// <reference path="./elasticlunr.d.ts" />

import elasticlunr from 'elasticlunr';

const codeWords: ReadonlySet<string> = new Set(
  (
    'after all any as cannot do else every for from get got if in into is least let like most must ' +
    'no nor not off on only or other own since then when where which while who with'
  ).split(' '),
);

const stopWords: ReadonlySet<string> = new Set(
  Object.keys(elasticlunr.stopWordFilter.stopWords).filter(
    (word) => word !== '' && !codeWords.has(word),
  ),
);

export const isStopWord = (word: string): boolean => stopWords.has(word);

const isStemmed = /^[a-z]{3,}$/;

export const stemOf = (word: string): string =>
  isStemmed.test(word) ? elasticlunr.stemmer(word) : word;
