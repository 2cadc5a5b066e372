// One call, once or again and again.
//
// (1) A conditional write is attempted again only while it is certain that nothing was written.
// (2) Reads, lists, deletes and parts may be repeated: they are, with full jitter, until their signal
//     fires or their attempts are used up.

import {
  abortedFault,
  type Clock,
  Fault,
  type Histogram,
  type Metrics,
  type Prng,
  sleep,
  throwIfAborted,
} from '@tidemark/ports';
import { s3Fault } from './s3-fault.ts';

export interface Call {
  readonly name: string;
  readonly isWrite: boolean;
  readonly mayRepeat: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface CallSettings {
  readonly attemptsMax: number;
  readonly attemptMs: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
}

export class S3Calls {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #settings: CallSettings;
  readonly #seconds: Histogram;

  constructor(
    components: { readonly clock: Clock; readonly prng: Prng; readonly metrics: Metrics },
    settings: CallSettings,
  ) {
    this.#clock = components.clock;
    this.#prng = components.prng;
    this.#settings = settings;
    this.#seconds = components.metrics.histogram({
      name: 'tidemark_s3_attempt_seconds',
      help: 'time of one request to the object store',
      labels: ['call', 'outcome'],
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    });
  }

  async run<T>(call: Call, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(call.signal);
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#once(call, attempt);
      } catch (cause) {
        const fault = s3Fault(cause, call);
        const isPassing = fault.reason === 'unavailable';
        const isSafe = call.mayRepeat || fault.effect === 'none';
        if (!isPassing || !isSafe || failures >= this.#settings.attemptsMax) throw fault;
      }
      await sleep(this.#clock, this.#backoffMs(failures), call.signal);
    }
  }

  async #once<T>(call: Call, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = call;
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const { attemptMs } = this.#settings;
    const timer = this.#clock.schedule(attemptMs, () => controller.abort('too slow'));
    const startedAtMs = this.#clock.monotonicMs();
    let outcome = 'failed';
    try {
      const answer = await attempt(controller.signal);
      outcome = 'answered';
      return answer;
    } catch (cause) {
      if (signal?.aborted) {
        if (!call.isWrite) throw abortedFault(signal);
        throw new Fault('aborted', 'aborted by the caller', { effect: 'unknown', cause });
      }
      if (!controller.signal.aborted) throw cause;
      throw new Fault('unavailable', `s3 call too slow. call=${call.name} attemptMs=${attemptMs}`, {
        effect: call.isWrite ? 'unknown' : 'none',
        cause,
      });
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      const seconds = (this.#clock.monotonicMs() - startedAtMs) / 1_000;
      this.#seconds.observe(seconds, { call: call.name, outcome });
    }
  }

  /** Anywhere up to a ceiling that doubles, so that callers do not come back together. */
  #backoffMs(failures: number): number {
    const { backoffMs, backoffMsMax } = this.#settings;
    return this.#prng.below(Math.min(backoffMsMax, backoffMs * 2 ** (failures - 1)) + 1);
  }
}
