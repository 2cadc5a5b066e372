import { isProblem } from '@tidemark/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQuery } from './query.ts';
import { searchLimits } from './search-limits.ts';

const scored = (text: string): readonly string[] => {
  const { terms, scored: count, prefixes, scoredPrefixes } = parseQuery(text);
  return [
    ...terms.slice(0, count).map((term) => term.slice(1)),
    ...prefixes.slice(0, scoredPrefixes).map((prefix) => `${prefix}*`),
  ];
};

describe('what is asked for', () => {
  test.each([
    ['permission denied', ['permiss', 'deni']],
    ['Error: ENOENT: no such file', ['error', 'enoent', 'no', 'such', 'file']],
    ['https://a.b/c', ['https://a.b/c', 'http', 'b', 'c']],
    ['git commit --no-verify', ['git', 'commit', 'no-verify', 'no', 'verifi']],
    ['exit -1', ['exit', '1']],
    ['SELECT * FROM t', ['select', 'from', 't']],
    ['foo(bar) OR baz', ['foo', 'bar', 'baz']],
    ['perm* src/re*', ['src', 'perm*', 're*']],
    ['字', ['字*']],
    ['a -b type:agent.message', []],
    ['status: 500', ['statu', '500']],
    ['constructor __proto__', ['constructor', '__proto__', 'proto']],
  ])('%s', (text, expected) => {
    expect(scored(text)).toEqual(expected);
  });

  test('required and excluded words are whole, with the parts of required ones scored', () => {
    const query = parseQuery('+src/a.ts -readFile x');
    const names = ({ terms }: { readonly terms: readonly number[] }) =>
      terms.map((term) => query.terms[term]);
    expect(query.required.map(names)).toEqual([['tsrc/a.ts']]);
    expect(query.excluded.map(names)).toEqual([['treadfil']]);
    expect(query.terms.slice(0, query.scored)).toEqual(['tsrc/a.ts', 'tsrc', 'tts', 'tx']);
  });

  test('AND requires both sides, NOT excludes', () => {
    expect(parseQuery('x AND y z').required).toHaveLength(2);
    expect(parseQuery('x NOT y').excluded).toHaveLength(1);
    expect(parseQuery('x and not y')).toMatchObject({ required: [], excluded: [] });
  });

  test('fields are filters, any of the values of one', () => {
    expect(parseQuery('tool:Bash -type:agent.* error:true after:2026-01-31').filters).toEqual([
      { kind: 'value', field: 'tool', value: 'bash', isPrefix: false, isExcluded: false },
      { kind: 'value', field: 'type', value: 'agent.', isPrefix: true, isExcluded: true },
      { kind: 'error', isError: true },
      { kind: 'time', fromMs: Date.parse('2026-01-31'), endMs: Number.POSITIVE_INFINITY },
    ]);
    const query = parseQuery('error:permission');
    expect(query.filters).toEqual([{ kind: 'error', isError: true }]);
    expect(query.required).toHaveLength(1);
  });

  test('words that nearly every event has are told', () => {
    expect(parseQuery('the permission').ignored).toEqual(['the']);
  });
});

describe('a query that cannot be understood is explained', () => {
  test.each([
    ['say "permission denied', 'the quote at character 5 is not closed: close it, or leave it out'],
    ['', 'a query has a word at least'],
    ['the of', 'nearly every event has these words, none is searched for: the of'],
    ['-error', 'a query that only excludes finds nothing: say what to look for as well'],
    ['a*', 'a* is too short: give 2 characters before the star'],
    ['after:yesterday x', 'after: takes a date or a time, as in after:2026-01-31T09:30:00Z'],
    ['x AND', 'AND has nothing to join: write it in small letters to search for it'],
    [
      '(x OR y) AND z',
      'brackets do not group: any word will do, +word has to be there, -word must not',
    ],
    ['"a b" OR c', 'a quoted phrase has to be there: ask for each of the phrases by itself'],
    ['"the of"', 'none of the words of this phrase is searched for by itself: "the of"'],
    ['-error:denied x', '-error:word says two things: write -word error:true'],
    ['tool:"" x', 'tool: has no value'],
    ['x'.repeat(5_000), `a query has at most ${searchLimits.queryCharsMax} characters`],
  ])('%s', (text, detail) => {
    expect(() => parseQuery(text)).toThrow(
      expect.objectContaining({ code: 'invalid-request', message: detail }),
    );
  });

  test('by a Problem, whatever it is', () => {
    const pieces = fc.constantFrom(
      '"',
      '-',
      '+',
      '*',
      'AND',
      'NOT',
      'OR',
      'type:',
      'x',
      ' ',
      ':',
      '(',
      'error:',
      '東',
      'the',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (text) => {
          try {
            expect(parseQuery(text).terms.length).toBeGreaterThanOrEqual(0);
          } catch (cause) {
            expect(isProblem(cause)).toBe(true);
          }
        },
      ),
    );
  });
});
