import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentText, editsIn, eventMarkdown, inputSummary, passagesOf } from './event-text.js';
import { lineDiff } from './line-diff.js';
import { cutText, visiblePieces, visibleText } from './visible-text.js';

describe('lineDiff', () => {
  const told = (before: string, after: string): string[] =>
    lineDiff(before, after).map(({ kind, text }) => `${kind} ${text}`);

  test('keeps what is the same and pairs what was changed', () => {
    expect(told('a\nb\nc', 'a\nB\nc')).toEqual(['same a', 'old b', 'new B', 'same c']);
    expect(told('', 'x')).toEqual(['new x']);
    expect(told('x', '')).toEqual(['old x']);
    expect(told('x', 'x')).toEqual(['same x']);
  });

  test('tells both texts whole, whatever they are', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '', 'c'), { maxLength: 30 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [before, after] = [one.join('\n'), other.join('\n')];
        const lines = lineDiff(before, after);
        const of = (kind: string): string =>
          lines
            .filter((line) => line.kind === 'same' || line.kind === kind)
            .map((line) => line.text)
            .join('\n');
        expect(of('old')).toBe(before);
        expect(of('new')).toBe(after);
      }),
    );
  });

  test('of texts that are too long to compare shows the old before the new', () => {
    const lines = (word: string): string =>
      Array.from({ length: 3_000 }, (_, index) => `${word} ${index}`).join('\n');
    const diff = lineDiff(lines('a'), lines('b'));
    expect(diff.slice(0, 3_000).every(({ kind }) => kind === 'old')).toBe(true);
    expect(diff).toHaveLength(6_000);
  });
});

describe('visible text', () => {
  test('names what reorders, hides or controls', () => {
    expect(visibleText('a\u202eb\u0000c\u200bd')).toBe('a[U+202E]b[NUL]c[U+200B]d');
  });

  test('leaves lines, tabs and joined signs as they are', () => {
    const text = 'a\tb\r\nc \u{1f469}\u200d\u{1f4bb}';
    expect(visiblePieces(text)).toEqual([{ text: text.replace('\r', ''), isMark: false }]);
  });

  test('is cut between characters', () => {
    expect(cutText('ab\u{1f600}c', 3)).toBe('ab');
    expect(cutText('ab\u{1f600}c', 4)).toBe('ab\u{1f600}');
  });
});

describe('event texts', () => {
  test('content of any shape is text', () => {
    expect(contentText('a')).toBe('a');
    expect(contentText([{ type: 'text', text: 'a' }, 'b'])).toBe('a\nb');
    expect(contentText([{ type: 'image', source: { media_type: 'image/png' } }])).toBe(
      '[image, image/png]',
    );
    expect(contentText({ type: 'new', x: 1 })).toContain('"x": 1');
    expect(contentText(undefined)).toBe('');
  });

  test('an input is told in a line, of bounded length', () => {
    expect(inputSummary({ timeout: 3, command: 'ls\n  -l' })).toBe('ls -l');
    expect(inputSummary({ a: 1 })).toBe('{"a":1}');
    expect(inputSummary('x'.repeat(9_000)).length).toBeLessThan(200);
  });

  test('edits are found in the shapes that editors have', () => {
    const pair = { old_string: 'a', new_string: 'b' };
    expect(editsIn(pair)).toEqual([{ before: 'a', after: 'b' }]);
    expect(editsIn({ edits: [pair, { old_str: 'c', new_str: 'd' }, 1] })).toHaveLength(2);
    expect(editsIn({ command: 'ls' })).toEqual([]);
  });

  test('fenced code stands apart, and nothing else of a text is markup', () => {
    expect(passagesOf('see\n```ts\nconst a = 1;\n```\n**then**')).toEqual([
      { kind: 'text', text: 'see' },
      { kind: 'code', text: 'const a = 1;' },
      { kind: 'text', text: '**then**' },
    ]);
    expect(passagesOf('```open')).toEqual([{ kind: 'text', text: '```open' }]);
  });

  test('in Markdown a fence is longer than those within', () => {
    expect(eventMarkdown({ type: 'x', note: '````' })).toContain('`````json');
  });
});
