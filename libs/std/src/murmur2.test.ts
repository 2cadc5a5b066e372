import { expect, test } from 'vitest';
import { bytesOf } from './bytes.ts';
import { murmur2, partitionOf } from './murmur2.ts';

// The vectors of Apache Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('hashes %s as Kafka does', (text, expected) => {
  expect(murmur2(bytesOf(text)) | 0).toBe(expected);
});

test('a key has one partition, within the count', () => {
  for (let count = 1; count < 20; count += 1) {
    const partition = partitionOf(bytesOf('session'), count);
    expect(partition).toBeGreaterThanOrEqual(0);
    expect(partition).toBeLessThan(count);
  }
});
