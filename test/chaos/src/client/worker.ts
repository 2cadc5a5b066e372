// One worker of subscriptions: it makes and deletes them, claims what is pending, reads it and
// acknowledges it in part or in full, heartbeats, gives up, falls silent until its lease is over, and
// comes back with wakes that others have long taken over.

import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { seqIn, tagIn } from './answers.ts';
import { generationAt } from './names.ts';
import type { Reader } from './reader.ts';
import type { Subscriber } from './subscriber.ts';
import { type SubscriptionSpec, specsOf } from './subscription-specs.ts';
import { allAcks, type HeldWake, type ListedStream, namedOf, type WakeAck } from './wake.ts';

export interface WorkerParts {
  readonly random: Random;
  readonly reader: Reader;
  readonly subscriber: Subscriber;
  readonly name: string;
  /** Wakes that any worker of this client was handed. */
  readonly heldWakes: HeldWake[];
}

export interface WorkerOptions {
  readonly tenants: readonly string[];
  readonly sinceMs: number;
  readonly pauseMsMax: number;
  readonly webhookUrl?: string | undefined;
}

/** Wakes that are remembered, and may come back. */
const heldMax = 12;

export class Worker {
  readonly #parts: WorkerParts;
  readonly #options: WorkerOptions;
  readonly #known = new Set<string>();
  /** What it was handed last, and does not know to be over. */
  #current: HeldWake | undefined;

  constructor(parts: WorkerParts, options: WorkerOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { random, subscriber } = this.#parts;
    const { tenants, pauseMsMax } = this.#options;
    for (const tenant of tenants) {
      while (!signal.aborted && !(await subscriber.makeWakeStream(tenant))) await delay(100);
    }
    while (!signal.aborted) {
      await delay(random.below(pauseMsMax));
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    const { random, heldWakes } = this.#parts;
    const spec = this.#pickSpec();
    heldWakes.splice(0, Math.max(0, heldWakes.length - heldMax));
    const draw = random.below(100);
    if (draw < 2 || !this.#known.has(spec.full)) return this.#subscribe(spec);
    if (draw < 34 && (spec.kind === 'pull-wake' || random.chance(0.05))) return this.#claim(spec);
    if (draw < 76) return this.#ack();
    if (draw < 81) return this.#release();
    if (draw < 82) return this.#unsubscribe(spec);
    if (draw < 85) return this.#link(spec);
    return this.#read();
  }

  #pickSpec(): SubscriptionSpec {
    const { random } = this.#parts;
    const { tenants, sinceMs, webhookUrl } = this.#options;
    const nowMs = Math.max(sinceMs, Date.now() - (random.chance(0.1) ? 5_000 : 0));
    const generation = generationAt({ sinceMs, nowMs });
    return random.pick(specsOf({ tenant: random.pick(tenants), generation, webhookUrl }));
  }

  async #subscribe(spec: SubscriptionSpec): Promise<void> {
    const { outcome } = await this.#parts.subscriber.subscribe(spec);
    if (outcome === 'ok') this.#known.add(spec.full);
  }

  async #unsubscribe(spec: SubscriptionSpec): Promise<void> {
    this.#known.delete(spec.full);
    await this.#parts.subscriber.unsubscribe(spec);
  }

  async #link(spec: SubscriptionSpec): Promise<void> {
    const { random, subscriber } = this.#parts;
    const type = random.chance(0.7) ? 'link' : 'unlink';
    await subscriber.link(spec, random.pick(spec.names), type);
  }

  async #claim(spec: SubscriptionSpec): Promise<void> {
    const { subscriber, heldWakes, name } = this.#parts;
    const { answer, wake } = await subscriber.claim(spec, name);
    if (answer.code === 'subscription-not-found') this.#known.delete(spec.full);
    if (wake === undefined) return;
    heldWakes.push(wake);
    this.#current = wake;
  }

  /** Its own or the newest, mostly; or one that may be long over. */
  #wake(): HeldWake | undefined {
    const { random, heldWakes } = this.#parts;
    if (this.#current !== undefined && random.chance(0.6)) return this.#current;
    if (heldWakes.length === 0) return undefined;
    return random.chance(0.6) ? heldWakes.at(-1) : random.pick(heldWakes);
  }

  async #ack(): Promise<void> {
    const { random, subscriber } = this.#parts;
    const held = this.#wake();
    if (held === undefined) return;
    const acks = random.chance(0.3) ? allAcks(held) : this.#someAcks(held);
    const done = random.chance(0.35);
    // A generation that is not the token's.
    const ahead = random.chance(0.03) ? { generation: held.generation + 1 } : {};
    const { outcome, code } = await subscriber.ack(held, { acks, done, ...ahead });
    const isOver = outcome === 'ok' ? done : code === 'fenced' && random.chance(0.7);
    if (isOver) this.#forget(held);
  }

  /** Mostly: somebody may come back with it. */
  #forget(wake: HeldWake): void {
    const { random, heldWakes } = this.#parts;
    if (wake === this.#current) this.#current = undefined;
    const at = heldWakes.indexOf(wake);
    if (at >= 0 && random.chance(0.6)) heldWakes.splice(at, 1);
  }

  /** Some streams, up to somewhere: back, between, to the end, and beyond it. */
  #someAcks({ streams, spec }: HeldWake): WakeAck[] {
    return streams
      .filter(() => this.#parts.random.chance(0.7))
      .map((listed) => {
        const isJson = namedOf(spec, listed.path)?.isJson === true;
        return { stream: listed.path, offset: this.#offset(listed, isJson) };
      });
  }

  #offset({ acked_offset, tail_offset }: ListedStream, isJson: boolean): string {
    const { random } = this.#parts;
    const draw = random.below(10);
    if (draw < 1) return acked_offset;
    if (draw < 4 || !isJson) return tail_offset;
    const acked = seqIn(acked_offset);
    const tail = seqIn(tail_offset);
    const tag = tagIn(tail_offset);
    if (draw < 5) return cursorText(tail + 1 + random.below(20), tag);
    if (draw < 6) return cursorText(Math.max(0, acked - 1), tag);
    return cursorText(random.between(acked, tail), tag);
  }

  async #release(): Promise<void> {
    const wake = this.#wake();
    if (wake?.spec.kind === 'pull-wake') await this.#parts.subscriber.release(wake);
  }

  /** What it was woken for, from where it takes it up. */
  async #read(): Promise<void> {
    const { random, reader } = this.#parts;
    const held = this.#wake();
    if (held === undefined || held.streams.length === 0) return;
    const { path, acked_offset: cursor } = random.pick(held.streams);
    const named = namedOf(held.spec, path);
    if (named?.isJson === true) await reader.read(named, { from: { cursor, seq: seqIn(cursor) } });
  }
}

const cursorText = (seq: number, tag: string): string => `${String(seq).padStart(16, '0')}_${tag}`;
