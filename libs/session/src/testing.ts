// A session folded in memory, for tests of what commands do to it.

import type { Command, CreateCommand } from './commands.ts';
import { decide } from './decide.ts';
import { type Decision, knownFoldLevel } from './decision.ts';
import { evolve } from './evolve.ts';
import { absentSession, type SessionState } from './state.ts';

// What the simulation plants bugs into.
export { ForkRefs } from './fork-refs.ts';
export { Window } from './window.ts';

/** Decides and folds commands one behind the other, with ids that count up. */
export class FoldedAlone {
  readonly state: SessionState;
  nowMs = 1_000;
  #ids = 0;

  constructor(state: SessionState = absentSession('tenant', 'session')) {
    this.state = state;
  }

  decide(command: Command): Decision {
    return decide(this.state, command, {
      nowMs: this.nowMs,
      logEpoch: 'epoch',
      level: knownFoldLevel,
      newIds: (count) => Array.from({ length: count }, () => this.newId()).join(''),
    });
  }

  newId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(32, '0');
  }

  /** What was decided, and whether the records stood. */
  run(command: Command): Decision {
    const decision = this.decide(command);
    if (decision.kind === 'write') {
      for (const record of decision.records) {
        if (!evolve(this.state, record)) throw new Error(`void: ${record.kind} ${record.rev}`);
      }
    }
    return decision;
  }
}

export const createPlain: CreateCommand = {
  kind: 'create',
  contentType: 'application/json',
  ttlMs: undefined,
  expiresAtMs: undefined,
  isClosed: false,
  events: [],
};
