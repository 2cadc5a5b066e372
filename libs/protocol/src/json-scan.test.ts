import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonMessages } from './json-scan.ts';

const scan = (text: Uint8Array): Uint8Array[] => [
  ...(jsonMessages(text, Number.POSITIVE_INFINITY)?.bodies ?? []),
];
const messagesOf = (text: string): string[] => scan(bytesOf(text)).map(textOf);

function accepts(text: string): boolean {
  try {
    scan(bytesOf(text));
    return true;
  } catch {
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('jsonMessages', () => {
  test('takes a value that is no array as one message, bytes kept', () => {
    expect(messagesOf(' {"a": 1.0e+2 } \n')).toEqual(['{"a": 1.0e+2 }']);
  });

  test('flattens exactly one level', () => {
    expect(messagesOf('[[1,2], [3, 4] ,"x"]')).toEqual(['[1,2]', '[3, 4]', '"x"']);
    expect(messagesOf('[[[1,2,3]]]')).toEqual(['[[1,2,3]]']);
    expect(messagesOf('[ ]')).toEqual([]);
  });

  test('counts while it scans, and looks at nothing behind the first message too many', () => {
    const upTo = (text: string, messagesMax: number) => jsonMessages(bytesOf(text), messagesMax);
    expect(upTo('[1,2,3]', 3)?.bodies.map(textOf)).toEqual(['1', '2', '3']);
    expect(upTo('[1,2,3,4]', 3)).toBeUndefined();
    expect(upTo(`[1,2,3,${'not JSON at all'.repeat(1_000)}`, 3)).toBeUndefined();
    expect(() => upTo('[1,2,3,', 4)).toThrow('unexpected end');
  });

  test('tells the type of each object as JSON.parse finds it, where that is plain text', () => {
    const typesOf = (text: string) => jsonMessages(bytesOf(text), 9)?.types;
    expect(typesOf('[{"a":{"type":"inner"},"type":"outer"},{"type":"outer"},7]')).toEqual([
      'outer',
      'outer',
    ]);
    expect(typesOf('{"type":"one","type" : "two"}')).toEqual(['two']);
    expect(typesOf('[[{"type":"x"}],{"type":7},{"type":""},{"typed":"x"}]')).toBeUndefined();
    expect(typesOf('{"type":"a\\u0062"}')).toBeUndefined();
    const dictionary = fc.dictionary(fc.constantFrom('type', 'a', 'ty'), fc.json());
    fc.assert(
      fc.property(fc.array(dictionary, { maxLength: 5 }), (objects) => {
        const plain = (type: unknown): unknown =>
          typeof type === 'string' && /^[\x20-\x7e]{1,128}$/.test(type) && !/["\\]/.test(type)
            ? type
            : undefined;
        const found = jsonMessages(bytesOf(JSON.stringify(objects)), 9)?.types ?? [];
        expect(objects.map((_, index) => found[index])).toEqual(
          objects.map((object) => plain(object['type'])),
        );
      }),
    );
  });

  test('accepts what JSON.parse accepts and gives its elements', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        const expected = Array.isArray(value) ? value : [value];
        expect(messagesOf(text).map((message) => JSON.parse(message))).toEqual(expected);
      }),
    );
  });

  test('tells where nothing but a comma stands between any two', () => {
    const part = fc.tuple(
      fc.json({ maxDepth: 2 }),
      fc.constantFrom(',', ',', ',', ', ', ' ,', '\n,'),
    );
    const around = fc.constantFrom('', ' ', '\n');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), around, around, (parts, before, behind) => {
        const between = parts.slice(0, -1).map(([, comma]) => comma);
        const inside = parts.map(([text], index) => text + (between[index] ?? '')).join('');
        const found = jsonMessages(bytesOf(`[${before}${inside}${behind}]`), 9)?.joined;
        const isJoined = parts.length > 0 && between.every((comma) => comma === ',');
        expect(found && textOf(found)).toBe(isJoined ? inside : undefined);
        expect(textOf(jsonMessages(bytesOf(' 1 '), 9)?.joined ?? bytesOf(''))).toBe('1');
      }),
    );
  });

  test('accepts and refuses as JSON.parse does when a byte is changed', () => {
    const characters = fc.constantFrom(...Array.from('{}[],:"\\0123eE+-.tfn u\n\u0000é'));
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), characters, (text, place, character) => {
        const at = place % (text.length + 1);
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        expect(accepts(changed)).toBe(parses(changed));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['nothing', ''],
    ['a trailing comma', '[1,]'],
    ['two values', '1 2'],
    ['a leading zero', '01'],
    ['a bare minus', '-'],
    ['an open string', '"abc'],
    ['a wrong literal', 'tru'],
    ['a short unicode escape', '"\\u12"'],
    ['a closing bracket of the other kind', '[{]}'],
  ])('refuses %s', (_, text) => {
    expect(accepts(text)).toBe(false);
  });

  test('refuses bytes that are not UTF-8', () => {
    const quoted = (...bytes: number[]): Uint8Array => Uint8Array.of(0x22, ...bytes, 0x22);
    for (const bytes of [
      [0xff],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0xf5, 0x80, 0x80, 0x80],
    ]) {
      expect(() => scan(quoted(...bytes))).toThrow('UTF-8');
    }
    expect(textOf(scan(quoted(0xf0, 0x9f, 0x8c, 0x8a))[0] as Uint8Array)).toBe('"🌊"');
  });

  test('takes 512 levels and refuses 513 without touching the stack', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(accepts(nested(511))).toBe(true);
    expect(accepts(nested(512))).toBe(false);
    expect(accepts('['.repeat(100_000))).toBe(false);
  });
});
