import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseQuery } from './query.ts';
import { snippetOf } from './snippet.ts';

function shown(text: string, query: string, charsMax = 80): string {
  const body = JSON.stringify({ type: 'agent.message', content: text });
  const snippet = snippetOf(body, parseQuery(query), { charsMax });
  let marked = '';
  let at = 0;
  for (const { start, end } of snippet.highlights) {
    marked += `${snippet.text.slice(at, start)}[${snippet.text.slice(start, end)}]`;
    at = end;
  }
  return marked + snippet.text.slice(at);
}

test.each([
  ['EACCES: Permissions denied', 'permission', 'EACCES: [Permissions] denied'],
  ['at /app/src/read.ts:42 foo', 'read.ts', 'at /app/src/[read].[ts]:42 foo'],
  ['at /app/src/read.ts:42 foo', '/app/src/read.ts', 'at /[app/src/read.ts:42] foo'],
  ['call readFile now', 'file', 'call [readFile] now'],
  ['the café', 'CAFE', 'the [café]'],
  ['permissions 東京都', 'perm* 京都', '[permissions] 東[京都]'],
  ['東京都です', '都', '東京[都]です'],
  ['nothing of it', 'type:agent.message', 'nothing of it'],
  ['a -b', 'x -b', 'a -b'],
])('%s by %s', (text, query, expected) => {
  expect(shown(text, query)).toBe(expected);
});

test('shows where most of the query is met, and that the text goes on', () => {
  const text = `alpha ${'filler '.repeat(40)}then alpha and beta together ${'filler '.repeat(40)}`;
  expect(shown(text, 'alpha beta')).toMatch(/^….*\[alpha\] and \[beta\] together.*…$/);
});

test('highlights lie within the snippet, apart and in order, and no character is halved', () => {
  const text = fc.array(
    fc.constantFrom('alpha ', 'beta', '😀', '東京都', 'readFile ', ' ', '\n', 'x/y.ts:4 '),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 20, max: 100 }), (pieces, charsMax) => {
      const body = JSON.stringify({ type: 'x', text: pieces.join('') });
      const snippet = snippetOf(body, parseQuery('alpha 京都 file x/y.ts be*'), { charsMax });
      expect(snippet.text.isWellFormed()).toBe(true);
      expect(snippet.text.length).toBeLessThanOrEqual(charsMax + 3);
      let last = -1;
      for (const { start, end } of snippet.highlights) {
        expect(start).toBeGreaterThan(last);
        expect(end).toBeGreaterThan(start);
        expect(end).toBeLessThanOrEqual(snippet.text.length);
        last = end;
      }
    }),
  );
});

test('shows as many words of a long query as stand together anywhere', () => {
  const asked = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
  const word = fc.oneof(
    fc.constantFrom(...asked),
    fc.constantFrom('x', 'filler', 'w'.repeat(30), 'w'.repeat(100)),
  );
  const charsMax = 120;
  /** What is shown before the first match comes off. */
  const reach = charsMax - 40;
  fc.assert(
    fc.property(fc.array(word, { maxLength: 60 }), (words) => {
      const text = words.join(' ');
      const matches = [...text.matchAll(/\w+/g)].filter(([name]) => asked.includes(name));
      const together = matches.map(({ index }) => {
        const near = matches.filter(
          (each) => each.index >= index && each.index + each[0].length <= index + reach,
        );
        return new Set(near.map(([name]) => name)).size;
      });
      const found = shown(text, asked.join(' '), charsMax).matchAll(/\[(\w+)\]/g);
      const met = new Set([...found].map(([, name]) => name)).size;
      expect(met).toBeGreaterThanOrEqual(Math.max(0, ...together));
    }),
    { numRuns: 500 },
  );
});
