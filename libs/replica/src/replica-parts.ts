import type { Clock, EventLog, Shard } from '@tidemark/ports';
import type { Budget } from './budget.ts';
import type { Publications } from './published.ts';
import type { ReadIndex } from './read-index.ts';
import type { ShardStopped } from './shard-stop.ts';

export interface ReplicaParts {
  readonly log: EventLog;
  readonly readIndex: ReadIndex;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly publications: Publications;
  /** Sessions that are not published yet may not take more than there is. */
  readonly waitsForRoom: boolean;
  /** The alarm: a shard that stops is an operator's business. */
  readonly onStopped: (shard: Shard, stopped: ShardStopped) => void;
}
