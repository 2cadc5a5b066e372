// Rule 8: effects across shards are an outbox. Who folds the record that owes them produces the
// other one, idempotently; the debt stays in the state until a `settle` says that it is paid, so it
// outlives every process.
//
// (1) A session has at most one timer for what it owes, and one for what it was announced.
// (2) A reference is given up only behind the burn of its fork's create.
// (3) Forks are looked for when a reference is made, never because their source was written to.

import { isProblem } from '@tidemark/protocol';
import type { OwedUnref, StreamState } from '@tidemark/session';
import { owedNow } from './agenda.ts';
import type { FoldedSession } from './folded-session.ts';
import type { PublishedSessions } from './published.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Located, Shards } from './shards.ts';
import type { Tenant } from './tenants.ts';
import type { Writers } from './writers.ts';

export interface DebtSettings {
  /** Whoever owes pays at once; others only when that one has not for so long. */
  readonly payAfterMs: number;
  /** A fork that was announced and not created for so long was given up. */
  readonly abandonAfterMs: number;
  /** What could not be done is tried again, later each time, but never later than that. */
  readonly againAfterMsMax: number;
}

export const debtDefaults: DebtSettings = {
  payAfterMs: 1_000,
  abandonAfterMs: 60_000,
  againAfterMsMax: 300_000,
};

/** What was found out about the forks of a stream. */
interface Checked {
  /** Those that are there: their references are theirs to give back. */
  readonly isThere: Set<string>;
  /** How many references had been made when all that were held had been found. */
  made: number;
}

/** Of what is due: what is owed. */
const owed = { fromMs: owedNow, toMs: owedNow };

export class Debts {
  readonly #shards: Shards;
  readonly #writers: Writers;
  readonly #settings: DebtSettings;
  /** Sessions whose debts a timer is set for. */
  readonly #paying = new Set<FoldedSession>();
  readonly #clearing = new Set<FoldedSession>();
  readonly #checked = new WeakMap<StreamState, Checked>();

  constructor(shards: Shards, writers: Writers, settings: DebtSettings = debtDefaults) {
    this.#shards = shards;
    this.#writers = writers;
    this.#settings = settings;
    shards.onOpened((replica) => {
      replica.feed.listen({
        step: (changed) => {
          for (const session of changed) this.#watch(replica, session);
        },
        loaded: (session) => this.#watch(replica, session),
        begun: (published) => this.#recall(replica, published),
      });
    });
  }

  /** What was owed when it was published is owed by whoever begins there: `loaded` tells of it. */
  #recall(replica: ShardReplica, published: PublishedSessions): void {
    this.#later(this.#settings.payAfterMs, async (signal) => {
      if (replica.stopped !== undefined) return;
      for await (const key of published.due(owed, signal)) {
        await replica.with(key, () => undefined);
      }
    });
  }

  /** Whoever wrote it, this process included: an expiry has nobody else who would pay for it. */
  #watch(replica: ShardReplica, session: FoldedSession): void {
    if (!session.isResident) return;
    const { state } = session;
    const owes = state.owed.length > 0 && !this.#paying.has(session);
    const isAnnounced = this.#hasUncheckedRef(session) && !this.#clearing.has(session);
    const tenant = owes || isAnnounced ? this.#shards.directory.get(state.tenant) : undefined;
    if (tenant === undefined) return;
    const { payAfterMs, abandonAfterMs } = this.#settings;
    if (owes) {
      const pay = (): Promise<void> => this.pay(tenant, state.name);
      this.#holdUntil(replica, session, { among: this.#paying, afterMs: payAfterMs, run: pay });
    }
    if (isAnnounced) {
      const clear = (): Promise<void> => this.clearDangling(tenant, state.name);
      this.#holdUntil(replica, session, {
        among: this.#clearing,
        afterMs: abandonAfterMs,
        run: clear,
      });
    }
  }

  /** Invariant 1: among those that wait for the same it waits once. */
  #holdUntil(
    replica: ShardReplica,
    session: FoldedSession,
    wait: {
      readonly among: Set<FoldedSession>;
      readonly afterMs: number;
      readonly run: () => Promise<void>;
    },
  ): void {
    const { among, afterMs, run } = wait;
    among.add(session);
    replica.fold.table.pin(session);
    this.#later(afterMs, async () => {
      await run();
      among.delete(session);
      this.#watch(replica, session);
      replica.letGo(session);
    });
  }

  /** A reference whose fork may never have been created. Asked at every append: nothing is searched. */
  #hasUncheckedRef({ state }: FoldedSession): boolean {
    const { stream } = state;
    if (stream === undefined || stream.refs.size === 0) return false;
    return this.#checked.get(stream)?.made !== stream.refs.made;
  }

  #later(delayMs: number, run: (signal: AbortSignal) => Promise<void>): void {
    const { clock, logger } = this.#shards.parts;
    clock.schedule(delayMs, () => {
      this.#shards.spawn('settle a debt', async (signal) => {
        try {
          await run(signal);
        } catch (cause) {
          if (!isProblem(cause)) throw cause;
          logger.warn({ err: cause }, 'a debt stays open');
          this.#later(Math.min(2 * delayMs, this.#settings.againAfterMsMax), run);
        }
      });
    });
  }

  /** Gives back what a fork that is over held on its source, and whatever that sets free. */
  async pay(tenant: Tenant, name: string): Promise<void> {
    const fork = this.#shards.locate(tenant, name);
    const debts = await fork.replica.with(fork.key, ({ state }) => state.owed);
    for (const owed of debts) {
      const source = this.#shards.locate(tenant, owed.source);
      await this.#unref(source, owed);
      await this.#writers.of(fork.replica).submit(fork.key, { kind: 'settle', owed });
      await this.pay(tenant, owed.source);
    }
  }

  async #unref(source: Located, owed: OwedUnref): Promise<void> {
    const { forkIncarnation, sourceIncarnation: incarnation } = owed;
    const command = { kind: 'unref', forkIncarnation, incarnation } as const;
    await this.#writers.of(source.replica).submit(source.key, command);
  }

  /**
   * References whose fork was never created: first the create is burned, so that it cannot stand
   * any more wherever it still is, then the reference goes.
   */
  async clearDangling(tenant: Tenant, name: string): Promise<void> {
    const source = this.#shards.locate(tenant, name);
    await source.replica.with(source.key, async ({ state: { stream } }) => {
      if (stream !== undefined) await this.#clearRefs(source, stream);
    });
  }

  async #clearRefs(source: Located, stream: StreamState): Promise<void> {
    const beforeMs = this.#shards.parts.clock.nowMs() - this.#settings.abandonAfterMs;
    const checked = this.#checkedOf(stream);
    const { made } = stream.refs;
    let isWhole = true;
    const asked = new Set<Located['replica']>();
    for (const [forkIncarnation, ref] of stream.refs) {
      if (checked.isThere.has(forkIncarnation)) continue;
      if (ref.timeMs > beforeMs) {
        isWhole = false;
        continue;
      }
      const fork = this.#shards.locate(source.tenant, ref.fork);
      // Once a shard is enough: each reference was old before this began.
      if (!asked.has(fork.replica)) await fork.replica.readIndex();
      asked.add(fork.replica);
      if (await this.#isWanted(fork, forkIncarnation)) checked.isThere.add(forkIncarnation);
      else {
        const { incarnation: sourceIncarnation } = stream;
        await this.#giveUp(fork, { source, sourceIncarnation, forkIncarnation });
      }
    }
    if (isWhole) checked.made = made;
  }

  /** The fork's create is burned first, so that it cannot stand behind its reference. */
  async #giveUp(
    fork: Located,
    held: {
      readonly source: Located;
      readonly sourceIncarnation: string;
      readonly forkIncarnation: string;
    },
  ): Promise<void> {
    const { source, forkIncarnation } = held;
    await this.#writers.of(fork.replica).submit(fork.key, { kind: 'burn', forkIncarnation });
    if (await this.#isThere(fork, forkIncarnation)) return;
    await this.#unref(source, { ...held, source: source.name });
  }

  #checkedOf(stream: StreamState): Checked {
    const checked = this.#checked.get(stream) ?? { isThere: new Set<string>(), made: -1 };
    this.#checked.set(stream, checked);
    for (const incarnation of checked.isThere) {
      if (!stream.refs.has(incarnation)) checked.isThere.delete(incarnation);
    }
    return checked;
  }

  /** The fork was made, or was made and is over: its reference is its own to give back. */
  async #isWanted(fork: Located, forkIncarnation: string): Promise<boolean> {
    if (await this.#isThere(fork, forkIncarnation)) return true;
    return fork.replica.with(fork.key, ({ state }) =>
      state.owed.some((owed) => owed.forkIncarnation === forkIncarnation),
    );
  }

  #isThere({ replica, key }: Located, forkIncarnation: string): Promise<boolean> {
    return replica.with(key, ({ state }) => state.stream?.incarnation === forkIncarnation);
  }
}
