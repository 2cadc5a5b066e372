import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from './analysis.ts';
import { Analyzer, chunksOf } from './document.ts';
import { EventCollector } from './event-collector.ts';

const termsOf = (text: string): string[] =>
  [...chunksOf([text])].flatMap((chunk) => {
    const { whole, parts } = analyze(chunk);
    return [...whole, ...parts];
  });

describe('a text is searched by', () => {
  test.each([
    ['Permissions were denied', ['permiss', 'deni']],
    ['readFile', ['readfil', 'read', 'file']],
    ['HTTPServer sha256', ['httpserver', 'http', 'server', 'sha256']],
    ['snake_case', ['snake_case', 'snake', 'case']],
    ['/src/a/read.ts:42', ['src/a/read.ts:42', 'src/a/read.ts', 'src', 'read', 'ts', '42']],
    ['read.ts:42:7,', ['read.ts:42:7', 'read.ts', 'read', 'ts', '42']],
    ['12:30:01', ['12:30:01', '12', '30', '01']],
    ['C++ and F#, i++', ['c++', 'c', 'f#', 'f', 'i++']],
    ['std::vector<int>', ['std::vector', 'std', 'vector', 'int']],
    ['--no-verify v1.2.3', ['no-verify', 'no', 'verifi', 'v1.2.3', 'v1']],
    ['if not x then get from', ['if', 'not', 'x', 'then', 'get', 'from']],
    [
      'constructor __proto__ toString',
      ['constructor', '__proto__', 'proto', 'tostr', 'to', 'string'],
    ],
    ['café éclair ÉCOLE naïve', ['cafe', 'eclair', 'ecol', 'naiv']],
    ['ﬁle ｆｕｌｌ', ['file', 'full']],
    ['Привет МИР', ['привет', 'мир']],
    ['東京都', ['東京', '京都']],
    ['東京のカメラ', ['東京', 'の', 'カメ', 'メラ']],
    ['字', ['字']],
    ['한국어 텍스트', ['한국', '국어', '텍스', '스트']],
    ['user@example.com', ['user@example.com', 'user', 'exampl', 'com']],
    ['the a an of', []],
    ['… — “” !?', []],
  ])('%s', (text, expected) => {
    expect(termsOf(text).filter((term) => term !== 'to')).toEqual(
      expected.filter((term) => term !== 'to'),
    );
  });
});

test('the last character of a run, and a word whose stem is another, are forms', () => {
  expect(analyze('東京都').forms).toEqual(['都']);
  expect(analyze('permissions').forms).toEqual(['permissions']);
  expect(analyze('src/permissions.ts').forms).toEqual(['permissions']);
});

test('encoded bytes are not searched by, long paths and hashes are', () => {
  const base64 = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 7_919) >>> 3)).toString(
    'base64',
  );
  expect(termsOf(base64)).toEqual([]);
  expect(termsOf(`data:image/png;base64,${base64}`)).not.toContain(base64.toLowerCase());
  const path = `/home/${'some-folder/'.repeat(12)}file.ts`;
  expect(termsOf(path)).toContain('folder');
  const hash = '3f786850e387550fdab836ed7e6dc881de23001b';
  expect(termsOf(hash)).toEqual([hash]);
  expect(termsOf('x'.repeat(65))).toEqual([]);
});

describe('of any text', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });

  test('terms are not empty, hold no zero byte and survive UTF-8', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (given) => {
        for (const chunk of chunksOf([given])) {
          const { whole, parts, forms } = analyze(chunk);
          for (const term of [...whole, ...parts, ...forms]) {
            expect(term).not.toBe('');
            expect(term).not.toContain('\0');
            expect(Buffer.from(term).toString()).toBe(term);
          }
        }
      }),
    );
  });

  test('case and way of writing make no difference to words', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('abcéèñüxyz')), maxLength: 12 }),
        (word) => {
          const [one, other] = [word.normalize('NFC'), word.normalize('NFD')];
          expect(termsOf(one)).toEqual(termsOf(other));
          expect(termsOf(word.toUpperCase())).toEqual(termsOf(word));
        },
      ),
    );
  });

  test('what stands around a text does not change what is in it', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(termsOf(` ${given} `)).toEqual(termsOf(given));
        expect(termsOf(`(${given})\n"x"`)).toEqual([...termsOf(given), 'x']);
      }),
    );
  });
});

test('a collector makes of a chunk what the analysis makes of it', () => {
  const piece = fc.constantFrom(
    ...[
      'src',
      'a',
      'read',
      'readFile',
      'test',
      'Ü',
      '東京',
      '7',
      '42',
      '1234',
      'c',
      'the',
      'permissions',
    ],
  );
  const join = fc.constantFrom('/', '.', ':', '-', '::', '_', '++', '#', ' ', '\\');
  const place = fc
    .tuple(
      piece,
      fc.array(fc.tuple(join, piece), { maxLength: 6 }),
      fc.constantFrom('', ':4', ':42', ':42:7', ':42:70', ':x'),
    )
    .map(([first, rest, line]) => `${first}${rest.flat().join('')}${line}`);
  fc.assert(
    fc.property(place, (text) => {
      const collector = new EventCollector(new Analyzer());
      // Twice: the second time all of it is known.
      for (const seq of [0, 1]) {
        collector.add({ session: 's', seq, timeMs: 0, body: JSON.stringify({ text }) });
      }
      const expected = new Map<string, number>();
      let length = 0;
      for (const chunk of chunksOf([text])) {
        const { whole, parts, forms } = analyze(chunk);
        length += whole.length + parts.length;
        const keys = [
          ...[...whole, ...parts].map((term) => `t${term}`),
          ...forms.map((form) => `w${form}`),
        ];
        for (const key of keys) expected.set(key, (expected.get(key) ?? 0) + 1);
      }
      for (const document of [0, 1]) {
        const counted = new Map<string, number>();
        const start = document === 0 ? 0 : collector.entryEnds.at(0);
        for (let at = start; at < collector.entryEnds.at(document); at += 1) {
          counted.set(
            collector.keys[collector.entryKeys[at] ?? 0] ?? '',
            collector.entryCounts[at] ?? 0,
          );
        }
        expect(counted).toEqual(expected);
        expect(collector.lengths.at(document)).toBe(length);
      }
    }),
    { numRuns: 1_000 },
  );
});
