import type { SeededPrng } from './seeded-prng.ts';

/** What may befall a call on its way to a dependency and back. */
export type FaultKind =
  /** Refused before anything happened, and the caller hears so. */
  | 'before'
  /** Nothing happened; the caller cannot know. */
  | 'lost-request'
  /** It happened; the caller cannot know. */
  | 'lost-reply'
  /** The caller cannot know; it happens much later. */
  | 'late'
  /** It happens and is answered; the same bytes arrive once more, much later. */
  | 'twice';

/** Asked once for each call, by its name, in the order of the calls. */
export type Faults = (call: string) => FaultKind | undefined;

export const noFaults: Faults = () => undefined;

export function randomFaults(
  prng: SeededPrng,
  rates: Readonly<Partial<Record<FaultKind, number>>>,
): Faults {
  const kinds = Object.entries(rates) as [FaultKind, number][];
  return () => {
    let draw = prng.next() / 2 ** 32;
    for (const [kind, rate] of kinds) {
      if (draw < rate) return kind;
      draw -= rate;
    }
    return undefined;
  };
}

/** One fault, at the nth call; `hasFaulted` tells whether there was an nth. */
export interface FaultAtCall {
  readonly faults: Faults;
  readonly hasFaulted: () => boolean;
}

export function faultAtCall(faultAt: number, kind: FaultKind): FaultAtCall {
  let calls = 0;
  return {
    faults: () => {
      calls += 1;
      return calls === faultAt ? kind : undefined;
    },
    hasFaulted: () => calls >= faultAt,
  };
}

/**
 * Runs the body with its first call failing, then its second, until a run needs no fault. Gives the
 * number of runs.
 */
export async function withEveryFault(
  body: (faultAtCall: number) => Promise<'clean' | 'faulted'>,
  runsMax: number,
): Promise<number> {
  for (let faultAt = 1; faultAt <= runsMax; faultAt += 1) {
    if ((await body(faultAt)) === 'clean') return faultAt;
  }
  throw new Error(`still faulting. runsMax=${runsMax}`);
}
