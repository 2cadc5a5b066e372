import { Fault } from './fault.ts';

export interface Timer {
  cancel(): void;
}

/** Time as a component, so that a simulation owns it. */
export interface Clock {
  /** Wall time, epoch milliseconds. May jump. */
  nowMs(): number;
  /** Never goes back. Its zero means nothing. */
  monotonicMs(): number;
  schedule(delayMs: number, run: () => void): Timer;
}

/** Waits, or rejects with an `aborted` Fault as soon as the signal fires. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedFault(signal));
    const onAbort = (): void => {
      timer.cancel();
      reject(abortedFault(signal));
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
}

/** Made once: without a reason of its own each abort takes a stack, which is a tenth of a millisecond where it is deep. */
const limitOver = new Error('a time limit is over, or was let go of');

/** Its signal fires after so long, or where the limit is let go of: what was begun under it ends with it. */
export function timeLimit(clock: Clock, limitMs: number): TimeLimit {
  const ending = new AbortController();
  const end = (): void => {
    timer.cancel();
    ending.abort(limitOver);
  };
  const timer = clock.schedule(limitMs, end);
  return { signal: ending.signal, [Symbol.dispose]: end };
}

export const abortedFault = (signal?: AbortSignal): Fault =>
  new Fault('aborted', 'aborted by the caller', { effect: 'none', cause: signal?.reason });

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedFault(signal);
}
