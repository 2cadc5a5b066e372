import type { EventLog } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import type { Plan } from './plan.ts';

export interface Mutant {
  readonly name: string;
  /** The rule of the design, or the check, that it breaks. */
  readonly breaks: string;
  /** Changes the code until the answer is called. */
  readonly plant?: () => () => void;
  readonly wrapLog?: (log: EventLog, prng: SeededPrng) => EventLog;
  /** Makes what it needs more likely. */
  readonly plan?: Partial<Plan>;
}

export const mutants: readonly Mutant[] = [];
