// Ends turns that nobody ends: whose time is over, or which were to stop and did not. Their worker may be
// gone, or hang. All relays watch, and the first that finds a turn due writes it down.

import type { Clock, Logger, Timer } from '@tidemark/ports';
import { isProblem } from '@tidemark/protocol';
import {
  type FoldedSession,
  type Shards,
  type Tenant,
  turnShelf,
  walkShelf,
} from '@tidemark/replica';
import type { SessionWrites } from '@tidemark/replica/write';
import { decideSweepTurn, turnDueAtMs } from '@tidemark/session';
import type { Tasks } from '@tidemark/std';

export interface TurnSweepsParts {
  readonly shards: Shards;
  readonly writes: SessionWrites;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: Tasks;
}

/** Turns that are watched; beyond, all are looked for again from time to time. */
const watchedMax = 65_536;
const walkAgainMs = 60_000;
/** A timer is looked at again at least so often: a wall clock may jump. */
const timerMsMax = 3_600_000;
const againMs = 1_000;

interface Watched {
  readonly tenant: Tenant;
  readonly name: string;
}

export class TurnSweeps {
  readonly #parts: TurnSweepsParts;
  readonly #tenants = new Map<string, Tenant>();
  readonly #timers = new Map<string, { readonly dueAtMs: number; readonly timer: Timer }>();
  #isCut = false;

  constructor(parts: TurnSweepsParts) {
    this.#parts = parts;
  }

  async follow(tenant: Tenant): Promise<void> {
    this.#tenants.set(tenant.id, tenant);
    for await (const { name, replica } of walkShelf(this.#parts.shards, tenant, turnShelf)) {
      const { key } = this.#parts.shards.locate(tenant, name);
      await replica.with(key, (session) => this.changed(session));
    }
  }

  changed({ state }: FoldedSession): void {
    const tenant = this.#tenants.get(state.tenant);
    if (tenant === undefined) return;
    const id = `${tenant.id} ${state.name}`;
    const dueAtMs = state.stream === undefined ? undefined : turnDueAtMs(state.stream);
    const known = this.#timers.get(id);
    if (known?.dueAtMs === dueAtMs) return;
    known?.timer.cancel();
    this.#timers.delete(id);
    if (dueAtMs !== undefined) this.#watch({ tenant, name: state.name }, dueAtMs);
  }

  close(): void {
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #watch(of: Watched, dueAtMs: number): void {
    if (this.#timers.size >= watchedMax) return this.#walkLater();
    const restMs = Math.max(1, Math.ceil(dueAtMs - this.#parts.clock.nowMs()));
    this.#set(of, dueAtMs, restMs);
  }

  #set(of: Watched, dueAtMs: number, delayMs: number): void {
    const { clock, tasks } = this.#parts;
    const timer = clock.schedule(Math.min(delayMs, timerMsMax), () => {
      tasks.spawn('end of a turn that is due', () => this.#end(of, dueAtMs));
    });
    this.#timers.set(`${of.tenant.id} ${of.name}`, { dueAtMs, timer });
  }

  async #end(of: Watched, dueAtMs: number): Promise<void> {
    const { writes, logger, clock } = this.#parts;
    const id = `${of.tenant.id} ${of.name}`;
    try {
      const decide = decideSweepTurn({ by: 'relay', requestId: 'sweep' });
      await writes.submit(of.tenant, of.name, { kind: 'fact', decide });
    } catch (cause) {
      if (!isProblem(cause)) throw cause;
      logger.warn({ err: cause }, 'a turn that is due waits');
    }
    // Where it stands as it was, its time has not come, or nothing could be written.
    if (this.#timers.get(id)?.dueAtMs !== dueAtMs) return;
    this.#timers.delete(id);
    this.#set(of, dueAtMs, Math.max(againMs, dueAtMs - clock.nowMs()));
  }

  #walkLater(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#parts.clock.schedule(walkAgainMs, () => {
      this.#isCut = false;
      for (const tenant of this.#tenants.values()) {
        this.#parts.tasks.spawn('look for turns again', async () => {
          try {
            await this.follow(tenant);
          } catch (cause) {
            if (!isProblem(cause)) throw cause;
            this.#walkLater();
          }
        });
      }
    });
  }
}
