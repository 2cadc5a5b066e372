// One of a client's actors: it asks for everything that can be asked, one thing behind the other, and
// asks again with the same identity where it was told nothing.

import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { Place } from './answers.ts';
import type { Knowledge } from './knowledge.ts';
import { currentNames, forkOf, type Named } from './names.ts';
import type { Reader } from './reader.ts';
import type { Answer } from './recorder.ts';
import type { Append, Writer } from './writer.ts';

export interface ActorParts {
  readonly random: Random;
  readonly reader: Reader;
  readonly writer: Writer;
  readonly knowledge: Knowledge;
  /** Unique among all actors of all clients, as its number is. */
  readonly name: string;
  readonly number: number;
}

export interface ActorOptions {
  readonly tenants: readonly string[];
  readonly sinceMs: number;
  readonly pauseMsMax: number;
}

interface Stamp {
  epoch: number;
  seq: number;
}

const attemptsMax = 6;
/** More than there are actors. */
const epochStep = 1_000;
/** A refusal that the next attempt may not meet. */
const passing: ReadonlySet<string> = new Set([
  'not-connected',
  'overloaded',
  'rate-limited',
  'storage-full',
  'unavailable',
]);

export class Actor {
  readonly #parts: ActorParts;
  readonly #options: ActorOptions;
  readonly #stamps = new Map<string, Stamp>();
  #count = 0;

  constructor(parts: ActorParts, options: ActorOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#parts.random.below(this.#options.pauseMsMax));
      await this.#step(signal);
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { random, knowledge } = this.#parts;
    const named = this.#pickName();
    const draw = random.below(100);
    if (named.isFork) return this.#stepOnFork(named, draw, signal);
    if (draw < 5 || (knowledge.isAbsent(named) && random.chance(0.7))) return this.#create(named);
    if (draw < 24) return void (await this.#append(named, {}));
    if (draw < 30) return this.#conditional(named);
    if (draw < 33) return this.#ordered(named);
    if (draw < 47) return this.#produce(named);
    if (draw < 54) return this.#keyed(named);
    if (draw < 55) return this.#close(named);
    if (draw < 58) return this.#delete(named);
    if (draw < 62) return this.#fork(named);
    return this.#stepReading(named, draw, signal);
  }

  /** A fork is written to and read; it is not made twice. */
  async #stepOnFork(named: Named, draw: number, signal: AbortSignal): Promise<void> {
    if (draw < 25) return void (await this.#append(named, {}));
    if (draw < 40) return this.#produce(named);
    if (draw < 42) return this.#close(named);
    if (draw < 55) return this.#delete(named);
    if (draw < 62) return this.#fork(named);
    return this.#stepReading(named, Math.max(draw, 64), signal);
  }

  async #stepReading(named: Named, draw: number, signal: AbortSignal): Promise<void> {
    const { random, reader, knowledge } = this.#parts;
    const places = knowledge.placesOf(named);
    const from = places.length === 0 || random.chance(0.3) ? undefined : random.pick(places);
    if (draw < 72) {
      const { outcome, tail } = await reader.head(named);
      if (outcome === 'ok' && tail !== undefined) knowledge.setTail(named, tail);
    } else if (draw < 90) {
      const limit = random.chance(0.5) ? random.between(1, 20) : undefined;
      knowledge.hold(named, await reader.read(named, { from, limit }));
    } else if (draw < 96) {
      if (from === undefined) knowledge.hold(named, await reader.read(named, {}));
      else knowledge.hold(named, await reader.longPoll(named, from));
    } else {
      const lifeMs = random.between(200, 6_000);
      await reader.follow(named, from, AbortSignal.any([signal, AbortSignal.timeout(lifeMs)]));
    }
  }

  #pickName(): Named {
    const { random, knowledge } = this.#parts;
    if (knowledge.forks.length > 0 && random.chance(0.15)) return random.pick(knowledge.forks);
    const { tenants, sinceMs } = this.#options;
    const nowMs = Date.now() - (random.chance(0.1) ? 5_000 : 0);
    return random.pick(currentNames({ tenants, sinceMs, nowMs: Math.max(nowMs, sinceMs) }));
  }

  #events(count: number): string[] {
    this.#count += 1;
    const base = `${this.#parts.name}.${this.#count}`;
    return Array.from({ length: count }, (_, index) => `${base}.${index}`);
  }

  /** An append to a byte stream is one event, whatever it holds. */
  #someEvents({ isJson }: Named): string[] {
    const { random } = this.#parts;
    return this.#events(!isJson || random.chance(0.6) ? 1 : random.between(2, 5));
  }

  async #append(named: Named, append: Append): Promise<Answer> {
    const { writer, knowledge, random } = this.#parts;
    const events = append.events ?? this.#someEvents(named);
    const padding = random.chance(0.05) ? random.below(20_000) : random.below(200);
    const { answer, place } = await writer.append(named, { padding, ...append, events });
    if (answer.code === 'session-not-found') knowledge.sawAbsent(named);
    else knowledge.hold(named, place);
    return answer;
  }

  async #create(named: Named): Promise<void> {
    const { random, writer, knowledge } = this.#parts;
    const events = this.#events(random.below(named.isJson ? 3 : 2));
    const close = random.chance(0.03);
    const { place } = await writer.create(named, { events, close });
    knowledge.hold(named, place);
  }

  async #conditional(named: Named): Promise<void> {
    const { random, knowledge } = this.#parts;
    const tail = knowledge.tailOf(named);
    const matchSeq = random.chance(0.1) ? Math.max(0, tail - 1) : tail;
    const answer = await this.#append(named, { matchSeq });
    if (answer.code === 'seq-conflict') knowledge.setTail(named, answer.tail ?? 0);
  }

  async #ordered(named: Named): Promise<void> {
    await this.#append(named, { streamSeq: String(Date.now()).padStart(16, '0') });
  }

  /**
   * As its own producer, or as one that all actors believe to be. Their epochs differ: the same stamp
   * on two appends would be one append.
   */
  async #produce(named: Named): Promise<void> {
    const { random, name, number } = this.#parts;
    const isShared = random.chance(0.15);
    const id = isShared ? 'shared' : name;
    const key = `${named.tenant} ${named.name} ${id}`;
    const stamp = this.#stamps.get(key) ?? { epoch: number, seq: 0 };
    this.#stamps.set(key, stamp);
    const producer = { id, ...stamp };
    const close = random.chance(0.01);
    const events = this.#someEvents(named);
    const padding = random.below(200);
    const isTaken = await this.#repeat(named, { events, producer, close, padding });
    if (!isTaken) {
      stamp.epoch += epochStep;
      stamp.seq = 0;
      return;
    }
    stamp.seq += 1;
    // Repeated although it was answered.
    if (random.chance(0.15)) await this.#append(named, { events, producer, close, padding });
  }

  async #keyed(named: Named): Promise<void> {
    const { random } = this.#parts;
    const events = this.#someEvents(named);
    const identity = random.chance(0.5)
      ? { key: `key-${events[0]}` }
      : { eventIds: events.map((event) => `id-${event}`) };
    const padding = random.below(200);
    const isTaken = await this.#repeat(named, { events, padding, ...identity });
    if (isTaken && random.chance(0.2)) await this.#append(named, { events, padding, ...identity });
  }

  /** Asks again while the outcome is open; whether it was taken in the end. */
  async #repeat(named: Named, append: Append): Promise<boolean> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { outcome, code } = await this.#append(named, append);
      if (outcome === 'ok') return true;
      if (outcome === 'refused' && !passing.has(code ?? '')) return false;
      await delay(this.#parts.random.below(400));
    }
    return false;
  }

  async #close(named: Named): Promise<void> {
    const events = this.#parts.random.chance(0.5) ? this.#events(1) : [];
    await this.#append(named, { events, close: true });
  }

  async #delete(named: Named): Promise<void> {
    const { writer, knowledge } = this.#parts;
    const { outcome } = await writer.delete(named);
    if (outcome === 'ok') knowledge.sawAbsent(named);
  }

  /** Where a place is known, there; at the tail otherwise. */
  async #fork(source: Named): Promise<void> {
    const { random, writer, knowledge, name } = this.#parts;
    if (!source.isJson) return;
    const places = knowledge.placesOf(source);
    const at: Place | undefined =
      places.length === 0 || random.chance(0.3) ? undefined : random.pick(places);
    this.#count += 1;
    const fork = forkOf(source, `${name}-${this.#count}`);
    const events = random.chance(0.3) ? this.#events(1) : [];
    const { answer, place } = await writer.create(fork, { events, fork: { source, at } });
    if (answer.outcome !== 'ok') return;
    knowledge.hold(fork, place);
    knowledge.addFork(fork);
  }
}
