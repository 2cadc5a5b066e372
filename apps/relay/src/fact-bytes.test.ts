import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factBytes } from './fact-bytes.ts';

test('no fact comes to more than was said', () => {
  const unit = fc.constantFrom('a', '/', '-', '"', '\\', '\u0001', 'é', '漢', '😀', '\ud800');
  const path = fc.array(unit).map((units) => units.join(''));
  fc.assert(
    fc.property(fc.array(path, { maxLength: 8 }), (paths) => {
      const most = Number.MAX_SAFE_INTEGER;
      const incarnation = 'f'.repeat(32);
      const streams = paths.map((name) => ({ path: name, incarnation, acked: most, tail: most }));
      const text = JSON.stringify({ type: 'claimed', worker: 'w'.repeat(256), streams });
      expect(bytesOf(text).length).toBeLessThanOrEqual(factBytes(streams));
    }),
  );
});
