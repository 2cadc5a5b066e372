// What happens to the world while clients are at work.

import { encodeHeaders, type LogRecord, noHeaders, type Shard } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import { shardSession } from '@tidemark/replica';
import { noFaults } from '@tidemark/replica/testing';
import {
  absentSession,
  encodeRecordHeaders,
  isDue,
  knownFoldLevel,
  type SessionRecord,
  subscriptionPrefix,
} from '@tidemark/session';
import { bytesOf, emptyBytes, hexOf } from '@tidemark/std';
import type { Incarnation } from './incarnation.ts';
import { nonsenseOf, nonsenseValues } from './nonsense.ts';
import { locate } from './operate.ts';
import type { Disturbance } from './plan.ts';
import { subscriptionNonsense } from './subscription-nonsense.ts';
import type { World } from './world.ts';

export class Disturber {
  readonly #world: World;
  readonly #prng: SeededPrng;
  readonly #raised = new Set<Shard>();
  /** Events that stand only where a copy of them arrives behind a raised level. */
  readonly #early = new Map<Shard, [session: string, event: string][]>();
  #isOver = false;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('disturbances');
  }

  start(): void {
    const { plan, clock } = this.#world;
    if (this.#isOver || plan.disturbances.length === 0) return;
    clock.schedule(this.#prng.below(2 * plan.disturbEveryMs), () => {
      if (this.#isOver) return;
      const { disturbances } = plan;
      this.#disturb(disturbances[this.#prng.below(disturbances.length)] as Disturbance);
      this.start();
    });
  }

  /** From now on nothing happens any more, and whatever is stopped goes on. */
  async rest(): Promise<void> {
    this.#isOver = true;
    this.#world.isDisturbed = false;
    const { incarnations, log, plan } = this.#world;
    log.setFaults();
    this.#world.objects.setFaults();
    this.#world.publications.faults = noFaults;
    for (let index = 0; index < plan.processes; index += 1) {
      const incarnation = incarnations[index];
      const isGone = incarnation === undefined || incarnation.isClosed;
      if (isGone || incarnation.gate.isCrashed) this.#world.start(index);
      else incarnation.gate.resume();
    }
  }

  #disturb(kind: Disturbance): void {
    const handlers: Record<Disturbance, () => boolean> = {
      crash: () => this.#crash(),
      pause: () => this.#pause(),
      'fail-over': () => this.#failOver(),
      'clock-jump': () => this.#jump(),
      foreign: () => this.#foreign(),
      nonsense: () => this.#nonsense(),
      shutdown: () => this.#shutdown(),
      zombie: () => this.#zombie(),
      level: () => this.#level(),
      reconnect: () => this.#reconnect(),
      // Not at any time: when a fork is made.
      abandon: () => false,
    };
    if (handlers[kind]()) this.#world.count(kind);
  }

  #victim(): Incarnation | undefined {
    const alive = this.#world.incarnations.filter(({ gate }) => !gate.isCrashed && !gate.isPaused);
    return alive.length === 0 ? undefined : alive[this.#prng.below(alive.length)];
  }

  #shard(): Shard | undefined {
    const { shards, names, incarnations } = this.#world;
    // Rather one that somebody uses.
    const named = names[this.#prng.below(names.length)];
    const ready = incarnations.find(({ isReady }) => isReady);
    const used = ready === undefined || named === undefined ? undefined : locate(ready, named);
    if (used !== undefined && this.#prng.chance(0.8)) return used.replica.shard;
    return shards.length === 0 ? undefined : shards[this.#prng.below(shards.length)];
  }

  #crash(): boolean {
    const victim = this.#victim();
    if (victim === undefined) return false;
    this.#world.crash(victim, this.#prng.below(600));
    return true;
  }

  /** As it is told to stop: whoever waits is answered, then it goes. */
  #shutdown(): boolean {
    const victim = this.#victim();
    if (victim === undefined) return false;
    victim.isReady = false;
    victim.close();
    this.#world.clock.schedule(20, () => {
      if (!victim.gate.isCrashed) this.#world.crash(victim, this.#prng.below(300));
    });
    return true;
  }

  #pause(): boolean {
    const victim = this.#victim();
    if (victim === undefined) return false;
    victim.gate.pause();
    this.#world.clock.schedule(this.#prng.below(1_500), () => victim.gate.resume());
    return true;
  }

  #reconnect(): boolean {
    const victim = this.#victim();
    victim?.reconnect();
    return victim !== undefined;
  }

  #failOver(): boolean {
    const shard = this.#shard();
    if (shard === undefined) return false;
    const { log, plan, recorder, clock } = this.#world;
    if (plan.deposedBoundsRate > 0) {
      recorder.leader('deposed', shard);
      clock.schedule(plan.deposedMs + 1, () => recorder.leader('known', shard));
    }
    log.failOver(shard);
    return true;
  }

  #jump(): boolean {
    const isForward = this.#prng.chance(0.8);
    const days = this.#world.plan.isForgetting ? 8 * 86_400_000 : 0;
    const byMs = isForward ? days + this.#prng.below(3_000) : -this.#prng.below(500);
    this.#world.clock.jump(byMs);
    if (!isForward) this.#world.recorder.setBack();
    return true;
  }

  /** Records that are none of ours, or ours and broken. */
  #foreign(): boolean {
    const shard = this.#shard();
    if (shard === undefined) return false;
    const headers = this.#prng.chance(0.5) ? noHeaders : this.#malformed();
    const key = bytesOf(this.#prng.chance(0.5) ? 'j0' : 'other');
    this.#world.log.injectForeign(shard, this.#record(key, headers));
    return true;
  }

  #record(key: Uint8Array, headers: Uint8Array): LogRecord {
    return { key, value: bytesOf('{"e":"foreign"}'), headers, timeMs: 0 };
  }

  #malformed(): Uint8Array {
    const valid: [string, string][] = [
      ['v', '1'],
      ['kind', 'event'],
      ['rev', '0'],
      ['id', 'ff'],
      ['log', 'ff'],
      ['level', '1'],
      ['time', '0'],
    ];
    const name = valid[this.#prng.below(valid.length)]?.[0];
    const values = ['', '-1', '1e3', '99999999999999999999', '01', 'x'];
    const value = values[this.#prng.below(values.length)] as string;
    const isCut = this.#prng.chance(0.2);
    const broken = valid.flatMap(([key, text]): [string, string][] => {
      if (key !== name) return [[key, text]];
      if (key === 'log' || key === 'id' || key === 'kind') return [];
      return this.#prng.chance(0.5) ? [] : [[key, value]];
    });
    const block = encodeHeaders(broken);
    return isCut ? block.subarray(0, this.#prng.below(block.length)) : block;
  }

  /** Records that are well formed, in their place, and say what cannot be said. */
  #nonsense(): boolean {
    if (this.#world.specs.length > 0 && this.#prng.chance(0.5)) return this.#falseFact();
    const { names, incarnations, log } = this.#world;
    const named = names[this.#prng.below(names.length)];
    const process = incarnations.find(({ isReady, gate }) => isReady && !gate.isCrashed);
    const placed =
      process === undefined || named === undefined ? undefined : locate(process, named);
    if (placed === undefined) return false;
    const { replica, key } = placed;
    const state = replica.fold.table.resident(key)?.state ?? absentSession('', '');
    const headers = encodeRecordHeaders({
      rev: state.rev,
      prev: state.lastId,
      id: this.#prng.chance(0.05) ? '' : hexOf(this.#prng.bytes(16)),
      logEpoch: replica.fold.logEpoch ?? '',
      level: 1,
      timeMs: 0,
      ...nonsenseOf(this.#prng, state),
    });
    const value = bytesOf(nonsenseValues[this.#prng.below(nonsenseValues.length)] as string);
    const broken = this.#prng.chance(0.1) ? Uint8Array.of(0xff, 0xfe) : value;
    log.injectForeign(replica.shard, { key: bytesOf(key), value: broken, headers, timeMs: 0 });
    return true;
  }

  /** A fact in its place that its subscription does not allow. */
  #falseFact(): boolean {
    const { specs, incarnations, log } = this.#world;
    const spec = specs[this.#prng.below(specs.length)];
    const process = incarnations.find(({ isReady, gate }) => isReady && !gate.isCrashed);
    const tenant = process?.tenants.find(({ id }) => id === spec?.tenant);
    if (process === undefined || spec === undefined || tenant === undefined) return false;
    const { replica, key } = process.shards.locate(tenant, `${subscriptionPrefix}${spec.id}`);
    const state = replica.fold.table.resident(key)?.state ?? absentSession('', '');
    const headers = encodeRecordHeaders({
      kind: 'fact',
      rev: state.rev,
      prev: state.lastId,
      id: hexOf(this.#prng.bytes(16)),
      logEpoch: replica.fold.logEpoch ?? '',
      level: 1,
      timeMs: 0,
      value: emptyBytes,
    });
    const value = bytesOf(subscriptionNonsense(this.#prng, state.subscription));
    log.injectForeign(replica.shard, { key: bytesOf(key), value, headers, timeMs: 0 });
    return true;
  }

  /** What was written once arrives again, long after. */
  #zombie(): boolean {
    const shard = this.#shard();
    if (shard === undefined) return false;
    const records = this.#world.log.records(shard);
    if (records.length === 0) return false;
    const at = this.#prng.below(records.length);
    for (const record of records.slice(at, at + 1 + this.#prng.below(3))) {
      this.#world.log.injectForeign(shard, record);
    }
    return true;
  }

  /** A release that is newer writes what only it understands, and raises the level for it. */
  #level(): boolean {
    const named = this.#world.names[this.#prng.below(this.#world.names.length)];
    const newer = this.#world.incarnations.find(({ isReady, knownLevel, gate }) => {
      return isReady && knownLevel > knownFoldLevel && !gate.isCrashed && !gate.isPaused;
    });
    const placed = newer === undefined || named === undefined ? undefined : locate(newer, named);
    if (newer === undefined || named === undefined || placed === undefined) return false;
    const { shard } = placed.replica;
    if (this.#prng.chance(0.4) && !this.#raised.has(shard)) {
      this.#raised.add(shard);
      for (const [session, name] of this.#early.get(shard) ?? []) this.#maySee(session, name);
      const command = { kind: 'level', level: knownFoldLevel + 1 } as const;
      newer.writers
        .of(placed.replica)
        .submit(shardSession, command)
        .catch(() => undefined);
      return true;
    }
    return this.#writeLeveled(newer, { shard, key: placed.key, full: named.full });
  }

  #writeLeveled(
    newer: Incarnation,
    { shard, key, full }: { shard: Shard; key: string; full: string },
  ): boolean {
    const { log, bodies } = this.#world;
    const replica = [...newer.shards.opened].find((opened) => opened.shard === shard);
    const state = replica?.fold.table.resident(key)?.state;
    const { stream } = state ?? {};
    if (state === undefined || stream === undefined || !stream.isJson) return false;
    if (isDue(state, this.#world.clock.nowMs())) return false;
    const name = `leveled${this.#world.unique()}`;
    const value = bodies.add(name, true, 0);
    if (this.#raised.has(shard)) this.#maySee(full, name);
    else this.#early.set(shard, [...(this.#early.get(shard) ?? []), [full, name]]);
    const record: SessionRecord = {
      kind: 'event',
      rev: state.rev,
      id: hexOf(this.#prng.bytes(16)),
      prev: state.lastId,
      logEpoch: replica?.fold.logEpoch ?? '',
      level: knownFoldLevel + 1,
      timeMs: this.#world.clock.nowMs(),
      value,
      seq: stream.tailSeq,
      count: 1,
    };
    const headers = encodeRecordHeaders(record);
    log.injectForeign(shard, { key: bytesOf(key), value, headers, timeMs: record.timeMs });
    return true;
  }

  /** From here on the event may stand. */
  #maySee(session: string, name: string): void {
    const { recorder } = this.#world;
    const call = { client: 'newer', session, type: 'append', events: [name] } as const;
    recorder.answer(recorder.call(call), { outcome: 'unknown' });
  }
}
