import { abortedFault, type Clock, throwIfAborted } from '../clock.ts';
import { Fault } from '../fault.ts';
import { type FaultKind, type Faults, noFaults } from './faults.ts';
import type { SeededPrng } from './seeded-prng.ts';

export type RangeMs = readonly [firstMs: number, endMs: number];

export interface SimulatedDelays {
  readonly requestMs: RangeMs;
  readonly replyMs: RangeMs;
  /** From the leader's append to the commit. */
  readonly replicationMs: RangeMs;
  /** From the commit to a waiting reader. */
  readonly readMs: RangeMs;
  /** How long a caller waits before it calls an outcome unknown. */
  readonly timeoutMs: RangeMs;
  /** When what is late arrives after all. */
  readonly lateMs: RangeMs;
}

const defaultDelays: SimulatedDelays = {
  requestMs: [0.2, 2],
  replyMs: [0.2, 2],
  replicationMs: [0.2, 3],
  readMs: [0, 3],
  timeoutMs: [500, 3_000],
  lateMs: [100, 60_000],
};

export interface SimulatedNetworkOptions {
  readonly clock: Clock;
  readonly prng: SeededPrng;
  /** No delays: every call completes in microtasks, on no clock. Faults still apply. */
  readonly instant?: boolean;
  readonly delays?: Partial<SimulatedDelays>;
  readonly faults?: Faults;
}

/** Whose calls no longer matter once it has crashed. */
export interface Caller {
  readonly isCrashed: () => boolean;
  /** Whether what a crashed caller had sent arrives all the same. */
  readonly landsAfterCrash: () => boolean;
}

export interface Call {
  readonly name: string;
  readonly isWrite: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The way between a caller and a dependency: delays, losses and late arrivals. */
export class SimulatedNetwork {
  readonly isInstant: boolean;
  /** May be changed while running: a simulation ends with a quiet time. */
  faults: Faults;
  readonly #clock: Clock;
  readonly #prng: SeededPrng;
  readonly #delays: SimulatedDelays;

  constructor(options: SimulatedNetworkOptions) {
    this.#clock = options.clock;
    this.#prng = options.prng;
    this.isInstant = options.instant ?? false;
    this.#delays = { ...defaultDelays, ...options.delays };
    this.faults = options.faults ?? noFaults;
  }

  after(stage: keyof SimulatedDelays, run: () => void): void {
    if (this.isInstant && stage !== 'lateMs') {
      queueMicrotask(run);
      return;
    }
    this.#clock.schedule(this.#prng.within(this.#delays[stage]), run);
  }

  /** Carries a call to its effect and its answer back. A crashed caller hears nothing. */
  call<T>(caller: Caller, call: Call, effect: () => T): Promise<T> {
    if (caller.isCrashed()) return new Promise(() => undefined);
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(call.signal);
      const answer = (stage: 'replyMs' | 'timeoutMs', settleCall: () => void): void =>
        this.after(stage, () => {
          call.signal?.removeEventListener('abort', onAbort);
          if (!caller.isCrashed()) settleCall();
        });
      const onAbort = (): void => reject(call.isWrite ? abortedWrite(call) : abortedFault());
      call.signal?.addEventListener('abort', onAbort, { once: true });
      const fault = this.faults(call.name);
      this.after('requestMs', () => {
        if (call.signal?.aborted || (caller.isCrashed() && !caller.landsAfterCrash())) return;
        this.#arrive({ call, fault, effect, answer, resolve, reject });
      });
    });
  }

  #arrive<T>(arrival: Arrival<T>): void {
    const { call, fault, effect, answer, resolve, reject } = arrival;
    const cut = (certain: boolean): Fault =>
      new Fault('unavailable', `simulated fault. call=${call.name} kind=${fault}`, {
        effect: certain || !call.isWrite ? 'none' : 'unknown',
      });
    if (fault === 'before') return answer('replyMs', () => reject(cut(true)));
    if (fault === 'late') this.after('lateMs', () => ignoreFault(effect));
    if (fault === 'late' || fault === 'lost-request') {
      return answer('timeoutMs', () => reject(cut(false)));
    }
    try {
      const result = effect();
      if (fault === 'twice') this.after('lateMs', () => ignoreFault(effect));
      if (fault === 'lost-reply') answer('timeoutMs', () => reject(cut(false)));
      else answer('replyMs', () => resolve(result));
    } catch (cause) {
      answer('replyMs', () => reject(cause as Error));
    }
  }
}

interface Arrival<T> {
  readonly call: Call;
  readonly fault: FaultKind | undefined;
  readonly effect: () => T;
  readonly answer: (stage: 'replyMs' | 'timeoutMs', settleCall: () => void) => void;
  readonly resolve: (value: T) => void;
  readonly reject: (cause: Error) => void;
}

const abortedWrite = (call: Call): Fault =>
  new Fault('aborted', 'aborted by the caller', { effect: 'unknown', cause: call.signal?.reason });

/** What arrives late is answered to nobody. */
function ignoreFault(effect: () => unknown): void {
  try {
    effect();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
  }
}
