import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Prng } from '@tidemark/ports';
import { SteadyClock } from './steady-clock.ts';

const machineClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The process's own time. */
export const createSystemClock = (): Clock => new SteadyClock(machineClock);

/** Tells which share of the time since it was asked last the event loop had something to do. */
export function createLoopMeter(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

const poolBytes = 16_384;

/** The operating system's randomness, fetched by the page: ids are asked for sixteen bytes a time. */
export function createSystemPrng(): Prng {
  const pool = Buffer.alloc(poolBytes);
  let at = poolBytes;
  /** Where so many fresh bytes of the pool begin. */
  const take = (count: number): number => {
    if (at + count > poolBytes) {
      randomFillSync(pool);
      at = 0;
    }
    at += count;
    return at - count;
  };
  return {
    bytes(count) {
      if (count > poolBytes) return randomFillSync(new Uint8Array(count));
      const start = take(count);
      return new Uint8Array(pool.subarray(start, start + count));
    },
    hex(count) {
      if (count > poolBytes) return randomBytes(count).toString('hex');
      const start = take(count);
      return pool.toString('hex', start, start + count);
    },
    below: (bound) => randomInt(bound),
  };
}
