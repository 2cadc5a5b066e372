// What is published beside sessions, of their events: an index, whatever it is made of. It is named by the same
// manifest, so that it holds exactly the events below the position at which the sessions were published.

import type { PublishedIndex } from './published.ts';
import type { ShardReplica } from './shard-replica.ts';

/** Events of one incarnation that are in no index yet. Both ends as usual. */
export interface EventSpan {
  readonly tenant: string;
  readonly key: string;
  readonly incarnation: string;
  readonly firstSeq: number;
  readonly endSeq: number;
}

/** An incarnation whose events were published, and which is over. */
export interface EndedIncarnation {
  readonly tenant: string;
  readonly key: string;
  readonly incarnation: string;
}

export interface IndexChange {
  readonly added: readonly EventSpan[];
  readonly ended: readonly EndedIncarnation[];
}

export interface IndexParts {
  readonly before: PublishedIndex | undefined;
  readonly nameOf: () => string;
  readonly signal: AbortSignal;
}

export interface PublicationIndexer {
  /** The index behind a change. Rejects with a Problem, or a Fault, where it cannot be made now. */
  index(replica: ShardReplica, change: IndexChange, parts: IndexParts): Promise<PublishedIndex>;
}
