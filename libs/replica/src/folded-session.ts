import type { SessionState } from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import type { Session } from './budget.ts';
import type { CatalogEntry } from './catalog.ts';
import type { EventIndex } from './event-index.ts';
import type { UsageStanding } from './usage-rows.ts';

/** A session as a replica has it in memory. The table decides for how long. */
export class FoldedSession {
  readonly key: string;
  readonly state: SessionState;
  /** Of the incarnation that lives, or is gone with forks left. */
  events: EventIndex | undefined;
  /** Where its last valid record lies, where that is not published yet; -1 where it is. */
  dirtyAt = -1;
  /** When it is published to be due; undefined where never, or where it is not published. */
  publishedDueMs: number | undefined;
  /** As what it is published to stand in the catalogue: its rows there are made of it, and are ten times as large. */
  publishedEntry: CatalogEntry | undefined;
  /** What it is published to have taken in. */
  publishedUsage: UsageStanding | undefined;
  /** Whose events are published, and the first of them that is not. */
  indexed: { readonly incarnation: string; readonly endSeq: number } | undefined;
  /** How many need it in memory. */
  pins = 0;
  /** What the budget was charged for it. */
  chargedBytes = 0;
  /** Where it stands among those that may go. */
  idle: Session['idle'];
  isResident = true;
  #keyBytes: Uint8Array | undefined;

  constructor(key: string, state: SessionState) {
    this.key = key;
    this.state = state;
  }

  get keyBytes(): Uint8Array {
    this.#keyBytes ??= bytesOf(this.key);
    return this.#keyBytes;
  }

  /** It is not published as it is. */
  get isDirty(): boolean {
    return this.dirtyAt !== -1;
  }

  /** Nothing was ever said of it. */
  get isAbsent(): boolean {
    return this.state.rev === 0;
  }
}
