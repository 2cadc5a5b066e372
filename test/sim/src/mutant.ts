import type { EventLog } from '@tidemark/ports';
import type { ShardFold } from '@tidemark/replica';
import type { Plan } from './plan.ts';
import type { Undo } from './plant.ts';

/** A planted bug. */
export interface Mutant {
  readonly name: string;
  /** The rule of the design that it breaks, or what the checker looks for. */
  readonly breaks: string;
  /** Changes the code until the answer is called. */
  readonly plant?: () => Undo;
  readonly wrapLog?: (log: EventLog) => EventLog;
  /** Hears of each fold, and whether its process is of the older release. */
  readonly onFold?: (fold: ShardFold, isOld: boolean) => void;
  /** How the failure that counts is told, where another check would find the bug as well. */
  readonly tells?: string;
  /** Where it was found last, of one that few seeds show: looked at first. */
  readonly seed?: number;
  /** What its bug needs to show, where most plans have none of it. */
  readonly plan?: Partial<Plan>;
}
