// One life of a session, from its create to its end: which event stands at which seq, as far as
// anybody was told, and what its readers and writers vouch for.

import type { Operation } from './operations.ts';

/** What an answer says of the state that it was given from. */
export interface Evidence {
  readonly op: Operation;
  /** The state was this at some moment in [from, to]. */
  readonly from: number;
  readonly to: number;
  readonly tail: number;
  /** Undefined where the answer does not tell. */
  readonly closed: boolean | undefined;
  /** Otherwise at least this. */
  readonly isExact: boolean;
  readonly role: 'read' | 'write';
}

export interface Slot {
  readonly name: string;
  /** Who said so. */
  readonly op: Operation;
}

export class Life {
  readonly session: string;
  readonly id: string;
  readonly slots: (Slot | undefined)[] = [];
  readonly seqOf = new Map<string, number>();
  readonly evidence: Evidence[] = [];
  /** The create that made it, where its answer says so. */
  creator: Operation | undefined;
  /** How many events it has of its source. */
  inherited = 0;
  /** Whether that is certain. */
  isOriginKnown = true;
  closedAt: number | undefined;
  /** Where its next event goes, as far as anybody was told. */
  end = 0;

  constructor(session: string, id: string) {
    this.session = session;
    this.id = id;
  }

  /** Whether everything below a seq has been read. */
  isKnownTo(seq: number): boolean {
    for (let at = 0; at < seq; at += 1) if (this.slots[at] === undefined) return false;
    return true;
  }
}
