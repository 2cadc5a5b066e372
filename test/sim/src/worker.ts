// One worker of subscriptions: it makes and deletes them, claims what is pending, acknowledges it in
// part or in full, heartbeats, gives up, and comes back with wakes that others have long taken over.

import type { Call, Return, SubscriptionPosition } from '@tidemark/checker';
import type { SeededPrng } from '@tidemark/ports/testing';
import { cursorText, parseCursor } from '@tidemark/protocol';
import {
  ack,
  claim,
  failedAsk,
  link,
  release,
  subscribe,
  unlink,
  unsubscribe,
} from './ask-relay.ts';
import type { Incarnation } from './incarnation.ts';
import type { Answered } from './operate.ts';
import { isCoverable, type SubscriptionSpec } from './subscription-spec.ts';
import {
  acksOf,
  allAcks,
  callOf,
  type HeldWake,
  type ListedStream,
  toldAnswer,
  type WakeAck,
} from './wake.ts';
import type { World } from './world.ts';

type Said = Partial<Omit<Return, 'at' | 'kind' | 'op'>>;

/** One request, and what it was answered. */
export interface Ask {
  readonly spec: SubscriptionSpec;
  readonly asked: Pick<Call, 'type'> & Partial<Call>;
  readonly run: (process: Incarnation) => Promise<Said | undefined>;
}

const crashed: Answered = { answer: { outcome: 'unknown', code: 'connection lost' } };

/** Asks a process, and writes down what was asked and answered. */
export async function askRelay(
  { recorder }: World,
  { process, client }: { readonly process: Incarnation; readonly client: string },
  { spec, asked, run }: Ask,
): Promise<Answered & { readonly op: string }> {
  const op = recorder.call({ client, ...callOf(spec, asked.type), ...asked });
  const work = run(process).then(
    (said): Answered => ({ answer: { outcome: 'ok', ...said } }),
    failedAsk,
  );
  const answered = await Promise.race([work, process.gate.crashed.then(() => crashed)]);
  return { ...answered, op };
}

/** An answer that does not say whether anything has been done. */
function honest({ answer, ...rest }: Answered, type: Call['type']): Answered {
  // It was claimed, and taken over before the answer was made.
  const isLost = type === 'claim' && answer.code === 'fenced';
  return { ...rest, answer: isLost ? { ...answer, outcome: 'unknown' } : answer };
}

/** Wakes that are remembered, and may come back. */
const heldMax = 12;

export class Worker {
  readonly #world: World;
  readonly #prng: SeededPrng;
  readonly #name: string;
  readonly #known = new Set<string>();
  /** What it was handed last, and does not know to be over. */
  #current: HeldWake | undefined;

  constructor(world: World, index: number) {
    this.#world = world;
    this.#name = `w${index}`;
    this.#prng = world.prng.fork(`worker ${index}`);
  }

  async run(): Promise<void> {
    const { specs, clock } = this.#world;
    for (let left = 25 * specs.length; left > 0; left -= 1) {
      await new Promise((resolve) => void clock.schedule(this.#prng.below(100), () => resolve(0)));
      await this.#step();
    }
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#prng.below(items.length)] as T;
  }

  async #step(): Promise<void> {
    const spec = this.#pick(this.#world.specs);
    const { heldWakes } = this.#world;
    heldWakes.splice(0, Math.max(0, heldWakes.length - heldMax));
    const draw = this.#prng.below(100);
    if (draw < 4 || !this.#known.has(spec.full)) return this.#subscribe(spec);
    if (draw < 40 && (spec.kind === 'pull-wake' || this.#prng.chance(0.05))) {
      return this.#claim(spec);
    }
    if (draw < 86) return this.#ack();
    if (draw < 92) return this.#release();
    if (draw < 94) return this.#unsubscribe(spec);
    return this.#link(spec);
  }

  async #ask({ spec, asked, run }: Ask): Promise<Answered['answer']> {
    const process = await this.#process();
    const { recorder } = this.#world;
    const asking = { process, client: this.#name };
    const { op, ...heard } = await askRelay(this.#world, asking, { spec, asked, run });
    let answered = honest(heard, asked.type);
    if (this.#prng.chance(0.02)) answered = crashed;
    recorder.answer(op, answered.answer);
    this.#world.sawAnswer(process, answered);
    return answered.answer;
  }

  async #process(): Promise<Incarnation> {
    for (;;) {
      const ready = this.#world.incarnations.filter(({ isReady }) => isReady);
      if (ready.length > 0) return this.#pick(ready);
      await new Promise((resolve) => void this.#world.clock.schedule(20, () => resolve(0)));
    }
  }

  async #subscribe(spec: SubscriptionSpec): Promise<void> {
    const { leaseMs, covers } = spec;
    const asked = { type: 'subscribe', leaseMs, covers } as const;
    const answer = await this.#ask({ spec, asked, run: (process) => subscribe(process, spec) });
    if (answer.outcome === 'ok') this.#known.add(spec.full);
  }

  async #unsubscribe(spec: SubscriptionSpec): Promise<void> {
    this.#known.delete(spec.full);
    const run = async (process: Incarnation): Promise<undefined> => {
      await unsubscribe(process, spec);
    };
    await this.#ask({ spec, asked: { type: 'unsubscribe' }, run });
  }

  async #link(spec: SubscriptionSpec): Promise<void> {
    const ours = this.#world.names.filter(({ tenant }) => tenant === spec.tenant);
    if (ours.length === 0) return;
    const named = this.#pick(ours);
    const covers = isCoverable(named) ? [named.full] : [];
    const isOn = this.#prng.chance(0.7);
    const asked = { type: isOn ? 'link' : 'unlink', links: [named.full] } as const;
    const run = async (process: Incarnation): Promise<undefined> => {
      await (isOn ? link : unlink)(process, spec, named.name);
    };
    await this.#ask({ spec, asked: { ...asked, covers }, run });
  }

  async #claim(spec: SubscriptionSpec): Promise<void> {
    const { names, heldWakes } = this.#world;
    const run = async (process: Incarnation): Promise<Said> => {
      const { told, wake } = await claim(process, spec, this.#name);
      heldWakes.push(wake);
      this.#current = wake;
      return { isNew: true, ...toldAnswer(names, spec, told) };
    };
    const { code } = await this.#ask({ spec, asked: { type: 'claim' }, run });
    if (code === 'subscription-not-found') this.#known.delete(spec.full);
  }

  /** Its own or the newest, mostly; or one that may be long over. */
  #wake(): HeldWake | undefined {
    const { heldWakes } = this.#world;
    if (this.#current !== undefined && this.#prng.chance(0.6)) return this.#current;
    if (heldWakes.length === 0) return undefined;
    return this.#prng.chance(0.6) ? heldWakes.at(-1) : this.#pick(heldWakes);
  }

  async #ack(): Promise<void> {
    const held = this.#wake();
    if (held === undefined) return;
    const { spec } = held;
    const acks = this.#prng.chance(0.3) ? allAcks(held) : this.#someAcks(held);
    const done = this.#prng.chance(0.35);
    // A generation that is not the token's.
    const isAhead = this.#prng.chance(0.03);
    const wake = isAhead ? { ...held, generation: held.generation + 1 } : held;
    const { generation } = wake;
    const asked = { type: 'ack', generation, acks: this.#positions(held, acks), done } as const;
    const run = async (process: Incarnation): Promise<undefined> => {
      await ack(process, wake, { acks, done });
    };
    const { outcome, code } = await this.#ask({ spec, asked, run });
    const isOver = outcome === 'ok' ? done : code === 'fenced' && this.#prng.chance(0.7);
    if (isOver) this.#forget(held);
  }

  /** Mostly: somebody may come back with it. */
  #forget(wake: HeldWake): void {
    if (wake === this.#current) this.#current = undefined;
    const { heldWakes } = this.#world;
    const at = heldWakes.indexOf(wake);
    if (at >= 0 && this.#prng.chance(0.6)) heldWakes.splice(at, 1);
  }

  #positions({ spec }: HeldWake, acks: readonly WakeAck[]): SubscriptionPosition[] {
    return acksOf(this.#world.names, spec, acks);
  }

  /** Some streams, up to somewhere: back, between, to the end, and beyond it. */
  #someAcks({ streams, spec }: HeldWake): WakeAck[] {
    return streams
      .filter(() => this.#prng.chance(0.7))
      .map((listed) => {
        const offset = this.#offset(listed, this.#isJson(spec, listed.path));
        return { path: listed.path, offset };
      });
  }

  #isJson({ tenant }: SubscriptionSpec, path: string): boolean {
    return this.#world.names.some((named) => {
      return named.tenant === tenant && named.name === path && named.isJson && named.tier === 0;
    });
  }

  #offset({ acked_offset, tail_offset }: ListedStream, isJson: boolean): string {
    const draw = this.#prng.below(10);
    if (draw < 1) return acked_offset;
    if (draw < 4 || !isJson) return tail_offset;
    const acked = parseCursor(acked_offset).position;
    const { position: tail, tag } = parseCursor(tail_offset);
    if (draw < 5) return cursorText(tail + 1 + this.#prng.below(20), tag);
    if (draw < 6) return cursorText(Math.max(0, acked - 1), tag);
    return cursorText(acked + this.#prng.below(tail - acked + 1), tag);
  }

  async #release(): Promise<void> {
    const wake = this.#wake();
    if (wake === undefined) return;
    const { spec, generation } = wake;
    const run = async (process: Incarnation): Promise<undefined> => {
      await release(process, wake);
    };
    await this.#ask({ spec, asked: { type: 'release', generation }, run });
  }
}
