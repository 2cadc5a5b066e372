// One client: it asks this process and that for everything that can be asked, remembers what it was
// told, and asks again with the same identity where it was told nothing.

import type { SeededPrng } from '@tidemark/ports/testing';
import { defaultContentType, hasCode, limits } from '@tidemark/protocol';
import type { StreamView } from '@tidemark/read/stream-view';
import type { ProducerStamp } from '@tidemark/session';
import { bytesOf, concatBytes } from '@tidemark/std';
import { FactClient } from './fact-client.ts';
import { Follower } from './follower.ts';
import type { Incarnation } from './incarnation.ts';
import { KeepingClient } from './keeping-client.ts';
import { LifeClient } from './life-client.ts';
import { LiveFollower, type Wanted } from './live-follower.ts';
import { keptNames, type Named } from './names.ts';
import {
  type Answered,
  append,
  type CallOf,
  create,
  failed,
  type Held,
  head,
  locate,
  openView,
  read,
  remove,
} from './operate.ts';
import type { World } from './world.ts';

interface Stamp {
  epoch: number;
  seq: number;
}

type Asked = Omit<CallOf, 'client' | 'session' | 'shard'>;

/** One operation to be asked for. */
interface Task {
  readonly named: Named;
  readonly asked: Asked;
  readonly run: (process: Incarnation) => Promise<Answered>;
}

const crashed: Answered = { answer: { outcome: 'unknown', code: 'connection lost' } };

export class Client {
  readonly #world: World;
  readonly #prng: SeededPrng;
  readonly #followPrng: SeededPrng;
  readonly #factPrng: SeededPrng;
  readonly #facts: FactClient;
  readonly #lifePrng: SeededPrng;
  readonly #lives: LifeClient;
  readonly #socketPrng: SeededPrng;
  /** What it was following when its socket was lost. */
  #lost: readonly Wanted[] = [];
  readonly #keepPrng: SeededPrng;
  readonly #keeping: KeepingClient;
  readonly #firstEpoch: number;
  readonly #name: string;
  readonly #stamps = new Map<string, Stamp>();
  readonly #held = new Map<string, Held[]>();
  readonly #tails = new Map<string, number>();
  readonly #absent = new Set<string>();

  constructor(world: World, index: number) {
    this.#world = world;
    const crowd = world.plan.clients;
    this.#firstEpoch = index;
    this.#name = `c${index % crowd}`;
    this.#prng = world.prng.fork(`client ${index}`);
    this.#followPrng = this.#prng.fork('follow');
    this.#factPrng = this.#prng.fork('facts');
    this.#keepPrng = this.#prng.fork('keeping');
    this.#keeping = new KeepingClient(
      (task) => this.#ask(task),
      this.#keepPrng,
      () => String(world.unique()),
    );
    this.#facts = new FactClient(
      (task) => this.#ask(task),
      this.#factPrng,
      () => String(world.unique()),
    );
    this.#socketPrng = this.#prng.fork('sockets');
    this.#lifePrng = this.#prng.fork('lives');
    this.#lives = new LifeClient(
      (task) => this.#ask(task),
      this.#lifePrng,
      () => String(world.unique()),
    );
  }

  async run(): Promise<void> {
    while (this.#world.takeOperation()) {
      await this.#pause(this.#prng.below(12));
      await this.#step();
      if (this.#world.plan.isFollowed) await this.#followSome();
      if (this.#factPrng.chance(0.15)) await this.#factSome();
      if (this.#world.plan.hasLives && this.#lifePrng.chance(0.4)) await this.#lives.step();
      if (this.#world.plan.hasSockets && this.#socketPrng.chance(0.15)) await this.#openSocket();
      if (this.#keepPrng.chance(0.25)) {
        await this.#keeping.step(keptNames[this.#keepPrng.below(keptNames.length)] as Named);
      }
    }
  }

  async #followSome(): Promise<void> {
    const { names } = this.#world;
    if (this.#followPrng.chance(0.3)) {
      await this.#follow(names[this.#followPrng.below(names.length)] as Named);
    }
  }

  /** Few sessions are enough for many to put facts into. */
  async #factSome(): Promise<void> {
    const { names } = this.#world;
    await this.#facts.step(names[this.#factPrng.below(Math.min(2, names.length))] as Named);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.schedule(ms, resolve));
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#prng.below(items.length)] as T;
  }

  async #step(): Promise<void> {
    const named = this.#pick(this.#world.names);
    const draw = this.#prng.below(100);
    if (this.#world.plan.isForgetting && this.#prng.chance(0.15)) {
      return this.#burst(this.#world.names[0] as Named);
    }
    const isAbsent = this.#absent.has(named.full) && this.#prng.chance(0.6);
    if (draw < 8 || isAbsent) return this.#create(named);
    if (draw < 30) return void (await this.#append(named));
    if (draw < 38) return this.#conditional(named);
    if (draw < 42) return this.#streamSeq(named);
    if (draw < 54) return this.#produce(named);
    if (draw < 60) return this.#withKey(named);
    if (draw < 66) return this.#withIds(named);
    if (draw < 70) return this.#close(named);
    if (draw < 75) return this.#delete(named);
    if (draw < 83) return this.#head(named);
    if (draw < 94) return this.#read(named);
    if (draw < 97) return this.#follow(named);
    return this.#burst(named);
  }

  /** Asks some process and writes down what was asked and answered. */
  async #ask({ named, asked, run }: Task): Promise<Answered> {
    const process = await this.#process();
    const { recorder } = this.#world;
    const placed = locate(process, named);
    const shard = placed === undefined ? {} : { shard: placed.replica.shard };
    const call = { client: this.#name, session: named.full, ...shard, ...asked };
    const op = recorder.call(call);
    const work = run(process).catch((cause: unknown) => failed(cause, named));
    let answered = await Promise.race([work, process.gate.crashed.then(() => crashed)]);
    if (this.#prng.chance(0.02)) answered = crashed;
    if (this.#prng.chance(0.05)) await this.#pause(this.#prng.below(300));
    recorder.answer(op, answered.answer);
    this.#world.sawAnswer(process, answered);
    if (answered.answer.code === 'session-not-found') this.#absent.add(named.full);
    else if (answered.answer.outcome === 'ok') this.#absent.delete(named.full);
    if (answered.held !== undefined && answered.answer.outcome === 'ok') {
      this.#hold(named, answered.held);
    }
    return answered;
  }

  async #process(): Promise<Incarnation> {
    for (;;) {
      const ready = this.#world.incarnations.filter(({ isReady }) => isReady);
      if (ready.length > 0) return this.#pick(ready);
      await this.#pause(20);
    }
  }

  #hold(named: Named, held: Held): void {
    const known = this.#held.get(named.full) ?? [];
    this.#held.set(named.full, [...known.slice(-5), held]);
    this.#tails.set(named.full, held.seq);
  }

  #events(named: Named, count: number, isLarge = false): Events {
    const { bodies } = this.#world;
    const { isJson } = named;
    const base = this.#world.unique();
    const names = Array.from({ length: count }, (_, index) => `${base}.${index}`);
    const bytes = (): number =>
      isLarge
        ? 3_000_000 + this.#prng.below(1_000_000)
        : this.#prng.below(this.#prng.chance(0.1) ? 1_500 : 60);
    return { isJson, names, events: names.map((name) => bodies.add(name, isJson, bytes())) };
  }

  #count(): number {
    return this.#prng.chance(0.6) ? 1 : 1 + this.#prng.below(5);
  }

  async #create(named: Named): Promise<void> {
    if (named.tier > 0) return this.#fork(named);
    const { names, events } = this.#events(named, this.#prng.below(3));
    const lifetime = this.#lifetime(named);
    const isClosed = this.#prng.chance(0.04);
    const isLeftOut = !named.isJson && this.#prng.chance(0.5);
    const contentType = isLeftOut ? undefined : this.#contentType(named);
    const asked = { type: 'create', events: names, close: isClosed, ...lifetime } as const;
    const request = {
      contentType,
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed,
      events,
      fork: undefined,
      ...lifetime,
    };
    await this.#ask({ named, asked, run: (process) => create(process, named, request) });
  }

  #contentType({ isJson }: Pick<Named, 'isJson'>): string {
    return isJson ? 'application/json' : defaultContentType;
  }

  #lifetime({ lifetime }: Named): { ttlMs?: number; expiresAtMs?: number } {
    if (lifetime === 'ttl') return { ttlMs: this.#pick([400, 1_200, 4_000]) };
    if (lifetime === 'none') return {};
    return { expiresAtMs: this.#world.clock.nowMs() + this.#pick([200, 1_000, 5_000]) };
  }

  async #fork(named: Named): Promise<void> {
    const sources = this.#world.names.filter(({ tenant, tier }) => {
      return tenant === named.tenant && tier === named.tier - 1;
    });
    const source = sources.length === 0 ? undefined : this.#pick(sources);
    if (source === undefined) return;
    const held = [{ cursor: '-1', seq: 0 }, ...(this.#held.get(source.full) ?? [])];
    const at = this.#prng.chance(0.3) ? undefined : this.#pick(held);
    const isInside = at !== undefined && this.#prng.chance(0.2);
    const subOffset = isInside ? 1 + this.#prng.below(this.#prng.chance(0.2) ? 200 : 3) : 0;
    // The fork's own body: only where it is known to be in its source's type.
    const own = { ...named, isJson: this.#world.isJson(source) };
    const { names, events } = this.#events(
      own,
      this.#isFixedType(source) ? this.#prng.below(2) : 0,
    );
    const seq = this.#forkSeq(source, at, subOffset);
    const point = at === undefined ? {} : seq === undefined ? { isInside: true } : { seq };
    const fork = { source: source.full, ...point };
    const asked: Asked = { type: 'create', events: names, fork };
    const request = {
      contentType: this.#prng.chance(0.1) ? this.#contentType(source) : undefined,
      ttlMs: this.#prng.chance(0.1) ? 3_000 : undefined,
      expiresAtMs: undefined,
      isClosed: this.#prng.chance(0.05),
      events,
      fork: { source: source.name, offset: at?.cursor, subOffset },
    };
    const close = request.isClosed ? { close: true } : {};
    const lifetime = request.ttlMs === undefined ? {} : { ttlMs: request.ttlMs };
    const { answer } = await this.#ask({
      named,
      asked: { ...asked, ...close, ...lifetime },
      run: (process) => create(process, own, request),
    });
    if (answer.outcome === 'ok') this.#world.learnType(named, own.isJson);
  }

  /** A fork has its source's type, whatever that is: only plain names have one for ever. */
  #isFixedType({ tier }: Named): boolean {
    return tier === 0;
  }

  #forkSeq(source: Named, at: Held | undefined, subOffset: number): number | undefined {
    if (at === undefined) return undefined;
    if (subOffset === 0) return at.seq;
    return source.isJson && source.tier === 0 ? at.seq + subOffset : undefined;
  }

  async #append(named: Named, more: Partial<AppendOptions> = {}): Promise<Answered> {
    const { names, events, isJson } =
      more.events ?? this.#events(this.#typed(named), this.#count());
    const { close = false, producer, streamSeq, matchSeq, key, eventIds } = more;
    const isWrongType = this.#prng.chance(0.01);
    const command = {
      kind: 'append',
      contentType: isWrongType ? 'text/other' : this.#contentType({ isJson }),
      events,
      joined: isJson && events.length % 2 === 0 ? joinedOf(events) : undefined,
      close,
      producer,
      streamSeq,
      matchSeq,
      key,
      eventIds,
    } as const;
    const asked: Asked = {
      type: 'append',
      events: names,
      ...(close ? { close } : {}),
      ...(producer === undefined ? {} : { producer }),
      ...(streamSeq === undefined ? {} : { streamSeq }),
      ...(matchSeq === undefined ? {} : { matchSeq }),
      ...(producer === undefined && key === undefined && eventIds === undefined
        ? {}
        : { isRepeatable: true }),
    };
    return this.#ask({ named, asked, run: (process) => append(process, named, command) });
  }

  /** A fork is of its source's type: what its client believes, from what it was told. */
  #typed(named: Named): Named {
    return { ...named, isJson: this.#world.isJson(named) };
  }

  async #conditional(named: Named): Promise<void> {
    const tail = this.#tails.get(named.full) ?? 0;
    const matchSeq = Math.max(0, tail + (this.#prng.chance(0.2) ? this.#prng.below(3) - 1 : 0));
    const { problem } = await this.#append(named, { matchSeq });
    if (problem !== undefined && hasCode(problem, 'seq-conflict')) {
      this.#tails.set(named.full, problem.facts.tailSeq);
    }
  }

  async #streamSeq(named: Named): Promise<void> {
    const streamSeq = `${String(this.#world.recorder.at).padStart(8, '0')}`;
    await this.#append(named, { streamSeq: this.#prng.chance(0.2) ? '0' : streamSeq });
  }

  /** Its own producer, or one that several clients believe to be theirs. */
  async #produce(named: Named): Promise<void> {
    const isShared = this.#prng.chance(0.3);
    const id = isShared ? 'shared' : this.#name;
    const key = `${named.full} ${id}`;
    const stamp = this.#stamps.get(key) ?? { epoch: this.#firstEpoch, seq: 0 };
    this.#stamps.set(key, stamp);
    if (this.#prng.chance(0.05)) this.#renewEpoch(stamp);
    if (this.#prng.chance(0.02)) stamp.seq += 1 + this.#prng.below(2);
    const producer = { id, epoch: stamp.epoch, seq: stamp.seq };
    const close = this.#prng.chance(0.03);
    const count = close ? this.#prng.below(2) : this.#count();
    const events = this.#events(this.#typed(named), count);
    const isSettled = await this.#repeat(named, { events, producer, close });
    if (isSettled) stamp.seq += 1;
    else this.#renewEpoch(stamp);
    if (isSettled && this.#prng.chance(0.2)) await this.#append(named, { events, producer, close });
  }

  /** Epochs of one client are none of another's. */
  #renewEpoch(stamp: Stamp): void {
    stamp.epoch += 1_000;
    stamp.seq = 0;
  }

  /**
   * Asks again while the outcome is unknown, and the server is sure to remember; whether it was taken in
   * the end.
   */
  async #repeat(named: Named, options: Partial<AppendOptions>): Promise<boolean> {
    const { clock } = this.#world;
    const untilMs = clock.nowMs() + limits.dedupeWindowMs;
    for (let attempt = 0; attempt < 4 && clock.nowMs() < untilMs; attempt += 1) {
      const { answer } = await this.#append(named, options);
      if (answer.outcome === 'ok') return true;
      if (answer.outcome === 'refused' && !isPassing(answer.code)) return false;
      await this.#pause(this.#prng.below(60));
    }
    return false;
  }

  async #withKey(named: Named): Promise<void> {
    const close = this.#prng.chance(0.05);
    const events = this.#events(this.#typed(named), close ? this.#prng.below(2) : this.#count());
    const key = `${this.#prng.chance(0.2) ? 'é' : 'k'}${this.#world.unique()}`;
    await this.#repeat(named, { events, key, close });
    if (this.#prng.chance(0.2)) await this.#append(named, { events, key, close });
  }

  async #withIds(named: Named): Promise<void> {
    const events = this.#events(this.#typed(named), this.#count());
    const eventIds = events.names.map((name) => `i${name}`);
    await this.#repeat(named, { events, eventIds });
    if (this.#prng.chance(0.1)) await this.#repeat(named, { events, eventIds, close: true });
    if (!this.#prng.chance(0.3)) return;
    const more = this.#events(this.#typed(named), 1);
    await this.#append(named, {
      events: {
        ...events,
        names: [...events.names, ...more.names],
        events: [...events.events, ...more.events],
      },
      eventIds: [...eventIds, ...more.names.map((name) => `i${name}`)],
    });
  }

  async #close(named: Named): Promise<void> {
    const events = this.#events(this.#typed(named), this.#prng.below(2));
    await this.#append(named, { events, close: true });
    if (this.#prng.chance(0.3)) {
      await this.#append(named, { events: this.#events(named, 0), close: true });
    }
  }

  async #delete(named: Named): Promise<void> {
    await this.#ask({ named, asked: { type: 'delete' }, run: (process) => remove(process, named) });
  }

  async #head(named: Named): Promise<void> {
    const { answer } = await this.#ask({
      named,
      asked: { type: 'head' },
      run: (process) => head(process, named),
    });
    if (answer.outcome === 'ok') this.#tails.set(named.full, answer.tail ?? 0);
  }

  async #read(named: Named): Promise<void> {
    const held = this.#held.get(named.full);
    const draw = this.#prng.below(10);
    const from = draw < 5 || held === undefined ? 'start' : draw === 9 ? 'now' : this.#pick(held);
    const asked = {
      from,
      eventsMax: this.#prng.chance(0.3) ? 1 + this.#prng.below(4) : Number.MAX_SAFE_INTEGER,
      ...(this.#prng.chance(0.2) ? { bytesMax: 100 } : {}),
    } as const;
    const { bodies } = this.#world;
    await this.#ask({
      named,
      asked: { type: 'read' },
      run: (process) => read(process, named, { asked, bodies }),
    });
  }

  /** Follows in the background, until the session or the process ends, or the client has enough. */
  async #follow(named: Named): Promise<void> {
    const world = this.#world;
    const process = await this.#process();
    const placed = locate(process, named);
    const call = { client: this.#name, session: named.full, type: 'follow' } as const;
    const op = world.recorder.call(
      placed === undefined ? call : { ...call, shard: placed.replica.shard },
    );
    const opened = openView(process, named, true).then(
      (view) => ({ view }),
      (cause: unknown) => failed(cause, named),
    );
    const got = await Promise.race([opened, process.gate.crashed.then(() => crashed)]);
    if ('answer' in got) return world.recorder.answer(op, got.answer);
    using view = got.view;
    const isNow = this.#prng.chance(0.5);
    const prng = this.#prng.fork(`follower ${op}`);
    const from = await this.#followedFrom(named, view, { isNow, prng });
    if (from === undefined || view.stream === undefined || process.gate.isCrashed) {
      return world.recorder.answer(op, { outcome: 'ok' });
    }
    const { recorder, bodies, clock } = world;
    const onBroken = (message: string): void => void world.broken.push(message);
    const onEnd = (ended: Follower): void => void world.followers.delete(ended);
    const parts = { process, view, op, from, recorder, bodies, clock, prng, onBroken, onEnd };
    const follower = new Follower(parts);
    world.followers.add(follower);
    follower.start();
    if (this.#prng.chance(0.3)) clock.schedule(this.#prng.below(2_000), () => follower.leave());
  }

  /** From now, from the beginning, or from where the client was before; undefined where that is gone. */
  async #followedFrom(
    named: Named,
    view: StreamView,
    { isNow, prng }: { readonly isNow: boolean; readonly prng: SeededPrng },
  ): Promise<{ readonly position: number; readonly seq: number } | undefined> {
    if (view.stream === undefined) return undefined;
    const { tailPosition, tailSeq } = view.stream;
    if (isNow) return { position: tailPosition, seq: tailSeq };
    const held = this.#held.get(named.full) ?? [];
    if (held.length === 0 || prng.chance(0.5)) return { position: 0, seq: 0 };
    const { cursor: offset, seq } = held[prng.below(held.length)] as Held;
    const opened = view.positionOf({ kind: 'cursor', offset });
    const position = await opened.catch(() => undefined);
    return position === undefined ? undefined : { position, seq };
  }

  /** Follows some sessions of one tenant, from anywhere, or goes on where its last socket was lost. */
  async #openSocket(): Promise<void> {
    const prng = this.#socketPrng;
    const process = await this.#process();
    const wanted = this.#lost.length > 0 && prng.chance(0.7) ? this.#lost : this.#wantedNow(prng);
    this.#lost = [];
    if (wanted.length === 0 || process.gate.isCrashed) return;
    const from = { client: this.#name, wanted, prng: prng.fork(`socket ${this.#world.unique()}`) };
    const follower = new LiveFollower(this.#world, process, from);
    void process.gate.crashed.then(() => {
      this.#lost = follower.wanted;
    });
    if (prng.chance(0.3)) this.#world.clock.schedule(prng.below(2_000), () => follower.close());
  }

  #wantedNow(prng: SeededPrng): readonly Wanted[] {
    const plain = this.#world.names.filter(({ isJson, tier, lifetime }) => {
      return isJson && tier === 0 && lifetime === 'none';
    });
    const tenant = plain[prng.below(plain.length)]?.tenant;
    const names = plain.filter((named) => named.tenant === tenant);
    return names.flatMap((named) => {
      if (prng.chance(0.4)) return [];
      const held = this.#held.get(named.full) ?? [];
      const others = names.filter(({ full }) => full !== named.full);
      const foreign = others.flatMap(({ full }) => this.#held.get(full) ?? []);
      const isForeign = foreign.length > 0 && prng.chance(0.1);
      const cursors = isForeign ? foreign : held;
      const cursor = cursors[prng.below(Math.max(1, cursors.length))]?.cursor;
      const plainly = prng.chance(0.5) ? 'start' : 'now';
      const after = isForeign || prng.chance(0.5) ? (cursor ?? plainly) : plainly;
      return [{ named, after, isOfNothing: prng.chance(0.2), isForeign }];
    });
  }

  /** Several appends at once, none waiting for another. */
  async #burst(named: Named): Promise<void> {
    const count = 2 + this.#prng.below(6);
    const { isForgetting, isLarge } = this.#world.plan;
    const typed = this.#typed(named);
    const one = (): Promise<Answered> => {
      const id = `once-${this.#world.unique()}`;
      const producer: ProducerStamp = { id, epoch: 0, seq: 0 };
      if (isForgetting) return this.#append(named, { producer });
      return this.#append(named, isLarge ? { events: this.#events(typed, 1, true) } : {});
    };
    const width = isForgetting ? 40 : count;
    await Promise.all(Array.from({ length: width }, one));
  }
}

/** As a body has them that was written without spaces. */
const joinedOf = (events: readonly Uint8Array[]): Uint8Array =>
  concatBytes(events.flatMap((event, index) => (index === 0 ? [event] : [bytesOf(','), event])));

interface Events {
  readonly isJson: boolean;
  readonly names: readonly string[];
  readonly events: readonly Uint8Array[];
}

interface AppendOptions {
  readonly events: Events;
  readonly close: boolean;
  readonly producer: ProducerStamp;
  readonly streamSeq: string;
  readonly matchSeq: number;
  readonly key: string;
  readonly eventIds: readonly string[];
}

/** Refusals that say nothing of the session: another process may take it. */
const isPassing = (code: string | undefined): boolean =>
  code === 'unavailable' || code === 'overloaded' || code === 'shard-stopped';
