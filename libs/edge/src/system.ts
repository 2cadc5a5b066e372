import { randomFillSync, randomInt } from 'node:crypto';
import type { Clock, Prng } from '@tidemark/ports';

/** The process's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const poolBytes = 16_384;

/** The operating system's randomness, fetched by the page: ids are asked for sixteen bytes a time. */
export function createSystemPrng(): Prng {
  const pool = new Uint8Array(poolBytes);
  let at = poolBytes;
  return {
    bytes(count) {
      if (count > poolBytes) return randomFillSync(new Uint8Array(count));
      if (at + count > poolBytes) {
        randomFillSync(pool);
        at = 0;
      }
      at += count;
      return pool.slice(at - count, at);
    },
    below: (bound) => randomInt(bound),
  };
}
