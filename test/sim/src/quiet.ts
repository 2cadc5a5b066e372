// The end of a run: no more faults, and then everything has to have settled. Whatever was asked is
// answered, every process says the same, debts between shards are paid, and time is over for what
// has a time to live.

import { type ShardReplica, shardsOf } from '@tidemark/replica';
import { isDue, type SessionState, type StreamState } from '@tidemark/session';
import { catalogFaults } from './catalog-check.ts';
import { drain } from './drain.ts';
import type { Operations } from './final-operations.ts';
import { finalOperations } from './final-operations.ts';
import type { Incarnation } from './incarnation.ts';
import { describeState } from './state-text.ts';
import type { World } from './world.ts';

/** Longer than any deadline, hold and debt of a run. */
const quietMs = 40_000;

export class Quiet {
  readonly #world: World;
  readonly #ops: Operations;

  constructor(world: World) {
    this.#world = world;
    this.#ops = finalOperations(world);
  }

  async run(): Promise<void> {
    const { clock, recorder, followers } = this.#world;
    await clock.advance(quietMs);
    const idleFrom = recorder.at;
    await clock.advance(quietMs);
    for (const follower of [...followers]) follower.finish(idleFrom);
    const fresh = await this.#startFresh();
    await this.#checkEnds(fresh);
    await this.readAll();
    await drain(this.#world, fresh, idleFrom);
    await this.#world.runs.finish(fresh);
    // Whoever read has found what is over, and what is owed.
    await clock.advance(quietMs);
    await this.#compare();
    await this.#outlive();
    await this.#write();
  }

  async #startFresh(): Promise<Incarnation> {
    const fresh = this.#world.start(this.#world.plan.processes);
    await this.#world.clock.advance(5_000);
    if (!fresh.isReady) this.#world.broken.push('a fresh process does not start');
    return fresh;
  }

  /** What is over is gone, though nobody asks for it. */
  async #checkEnds({ tenants, shards }: Incarnation): Promise<void> {
    const { clock, broken } = this.#world;
    const replicas = tenants.flatMap((tenant) =>
      shardsOf(tenant).map((shard) => shards.replica(tenant, shard)),
    );
    for (const replica of replicas) await this.#settled(replica.readIndex());
    await clock.advance(quietMs);
    for (const replica of replicas) {
      if (replica.stopped !== undefined) continue;
      await this.#settled(replica.readIndex());
      for (const state of await this.#scan(replica)) {
        if (isDue(state, clock.nowMs())) broken.push(`${state.name} outlives its time`);
      }
    }
  }

  /** Everybody reads everything. */
  async readAll(): Promise<void> {
    const { incarnations, names } = this.#world;
    for (const process of incarnations) {
      for (const named of names) {
        await this.#settled(this.#ops.head(process, named));
        await this.#settled(this.#ops.read(process, named));
      }
    }
  }

  async #settled(work: Promise<unknown>): Promise<void> {
    await this.#world.clock.runUntil(Promise.race([work, this.#world.elapsed(30_000)]));
  }

  /** The same log makes the same state, whoever folded it, and however. */
  async #compare(): Promise<void> {
    const held: (() => void)[] = [];
    for (const { shards } of this.#world.incarnations) {
      for (const replica of shards.opened) {
        // One that nobody needs would begin again with what is published, while others are asked.
        held.push(replica.retain());
        if (replica.stopped === undefined) await this.#settled(replica.readIndex());
      }
    }
    try {
      await this.#compareHeld();
    } finally {
      for (const letGo of held) letGo();
    }
  }

  async #compareHeld(): Promise<void> {
    const { incarnations, broken } = this.#world;
    const fresh = incarnations.at(-1) as Incarnation;
    for (const process of incarnations) {
      for (const replica of process.shards.opened) {
        const { shard, stopped } = replica;
        if (stopped !== undefined) {
          const isExpected = stopped.reason === 'unknown-level' && process.knownLevel === 1;
          if (!isExpected) broken.push(`${process.name}: ${shard} stopped: ${stopped.message}`);
          continue;
        }
        broken.push(...(await this.#catalogOf(process, replica)));
        const other = [...fresh.shards.opened].find((opened) => opened.shard === shard);
        if (other === undefined) continue;
        if (other.fold.position !== replica.fold.position) continue;
        if (other.fold.digest !== replica.fold.digest) {
          broken.push(`${process.name}: another digest of ${shard} than a fresh fold`);
        }
        const mine = await this.#statesOf(replica);
        for (const [name, theirs] of await this.#statesOf(other)) {
          if (mine.get(name) === theirs) continue;
          broken.push(
            `${process.name}: folded ${name} to ${mine.get(name)}, a fresh process to ${theirs}`,
          );
        }
      }
    }
    await this.#checkDebts(fresh);
  }

  async #catalogOf({ name }: Incarnation, replica: ShardReplica): Promise<readonly string[]> {
    const faults = await this.#world.clock.runUntil(catalogFaults(replica));
    return faults.map((fault) => `${name}: ${replica.shard}: ${fault}`);
  }

  /** Of every session, in memory or not, as text. */
  async #statesOf(replica: ShardReplica): Promise<ReadonlyMap<string, string>> {
    const states = await this.#scan(replica);
    const nameOf = ({ tenant, name }: SessionState): string => `${tenant}/${name}`;
    return new Map(states.map((state) => [nameOf(state), describeState(state)]));
  }

  #scan(replica: ShardReplica): Promise<readonly SessionState[]> {
    const scanned = (async () => {
      const states: SessionState[] = [];
      for await (const state of replica.scan('')) states.push(state);
      return states;
    })();
    return this.#world.clock.runUntil(scanned);
  }

  /** Nobody owes anything, and whoever is referred to is there, and refers back. */
  async #checkDebts({ shards }: Incarnation): Promise<void> {
    const { broken } = this.#world;
    const streams = new Map<string, StreamState>();
    const states: SessionState[] = [];
    for (const replica of shards.opened) {
      if (replica.stopped === undefined) states.push(...(await this.#scan(replica)));
    }
    for (const { stream } of states) {
      if (stream !== undefined) streams.set(stream.incarnation, stream);
    }
    for (const { name, stream, owed } of states) {
      const { origin, incarnation: own = '' } = stream ?? {};
      const sources = owed.map(({ source }) => source).join();
      if (sources !== '') broken.push(`${name} still owes ${sources} a reference`);
      for (const [incarnation, { fork }] of stream?.refs ?? []) {
        if (streams.has(incarnation)) continue;
        broken.push(`${name} is still held by ${fork}, which is not there`);
      }
      if (origin === undefined || streams.get(origin.incarnation)?.refs.has(own)) continue;
      broken.push(`${name} reads from ${origin.source} and is not held there`);
    }
  }

  /** Time passes beyond every time to live. */
  async #outlive(): Promise<void> {
    const { clock, names, incarnations } = this.#world;
    clock.jump(60_000);
    for (const process of incarnations) {
      for (const named of names) {
        if (named.lifetime !== 'none') await this.#settled(this.#ops.head(process, named));
      }
    }
    for (const named of names) {
      const process = incarnations[0] as Incarnation;
      if (named.lifetime !== 'none') await this.#settled(this.#ops.read(process, named));
    }
  }

  /** Whoever serves a shard can still write to it. */
  async #write(): Promise<void> {
    const { incarnations, names, broken, plan } = this.#world;
    if (plan.hasOldRelease) return;
    for (const process of incarnations) {
      for (const named of names) {
        const written = this.#ops.touch(process, named);
        const isDone = await this.#world.clock.runUntil(
          Promise.race([written, this.#world.elapsed(30_000).then(() => false)]),
        );
        if (!isDone) broken.push(`${process.name} cannot write ${named.full} any more`);
      }
    }
  }
}
