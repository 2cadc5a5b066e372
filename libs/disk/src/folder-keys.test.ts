import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { folderOfPrefix, keyOfSegments, segmentsOfKey } from './folder-keys.ts';

describe('segmentsOfKey', () => {
  test('comes back as the key, and is safe as a path', () => {
    const key = fc.string({
      unit: fc.oneof(
        fc.constantFrom('/', '.', '%', '2', 'E', ' '),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(key, (text) => {
        const segments = segmentsOfKey(text);
        expect(keyOfSegments(segments)).toBe(text);
        for (const segment of segments) {
          expect(segment).not.toMatch(/^\.|^$|[/\p{Cc}]/u);
        }
      }),
    );
  });

  test('keeps ordinary keys as they are', () => {
    expect(segmentsOfKey('a/segments/t.1-0/1-9-ab.ndjson.zst')).toEqual([
      'a',
      'segments',
      't.1-0',
      '1-9-ab.ndjson.zst',
    ]);
    expect(segmentsOfKey('../a//.b')).toEqual(['%2E%2E', 'a', '%', '%2Eb']);
    expect(folderOfPrefix('a/b/c')).toEqual(['a', 'b']);
    expect(folderOfPrefix('a')).toEqual([]);
  });
});
