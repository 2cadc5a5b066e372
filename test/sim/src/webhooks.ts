// The receivers of webhooks and the network before them: requests and answers are lost, late,
// repeated and refused, and what was received is called back about, by whom it may concern.

import { Fault, type Outbound, type OutboundRequest, type OutboundResponse } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import { bytesOf, textOf } from '@tidemark/std';
import { runHooks } from './agent-runs.ts';
import type { Gate } from './gate.ts';
import { acksOf, allAcks, callOf, type HeldWake, type ToldWake, toldAnswer } from './wake.ts';
import type { World } from './world.ts';

interface Notification extends ToldWake {
  readonly subscription_id: string;
  readonly callback_token: string;
}

const fates = ['lost', 'late', 'refused', 'reply lost', 'twice', 'status 500'] as const;

type Fate = (typeof fates)[number] | 'delivered';

const response = (status: number, value: unknown): OutboundResponse => ({
  status,
  body: bytesOf(JSON.stringify(value)),
});

export class Webhooks {
  readonly #world: World;
  readonly #prng: SeededPrng;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('webhooks');
  }

  /** As one process has it: behind its gate, and nothing is sent by who is dead. */
  connect(gate: Gate): Outbound {
    return {
      post: (request, signal) => {
        if (gate.isCrashed) return new Promise(() => undefined);
        return gate.through(this.#post(request, signal));
      },
    };
  }

  #fate(): Fate {
    const { isDisturbed, plan } = this.#world;
    const isCalm = !isDisturbed || plan.disturbances.length === 0;
    if (isCalm || this.#prng.chance(0.5)) return 'delivered';
    const fate = fates[this.#prng.below(fates.length)] as Fate;
    this.#world.count(`webhook ${fate}`);
    return fate;
  }

  #post(request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
    const fate = this.#fate();
    const { timeoutMs } = request;
    const delayMs = fate === 'late' ? this.#prng.below(3_000) : this.#prng.below(10);
    return new Promise((resolve, reject) => {
      const { clock } = this.#world;
      const fail = (why: string): void =>
        reject(new Fault('unavailable', why, { effect: 'unknown' }));
      const timer = clock.schedule(timeoutMs, () => fail('timed out'));
      signal.addEventListener('abort', () => fail('aborted'), { once: true });
      if (fate === 'lost') return;
      clock.schedule(delayMs, () => {
        if (fate === 'refused') return fail('connection refused');
        const answer = this.#take(request);
        if (fate === 'twice') this.#take(request);
        if (fate === 'reply lost') return;
        timer.cancel();
        resolve(fate === 'status 500' ? response(500, {}) : answer);
      });
    });
  }

  #take(request: OutboundRequest): OutboundResponse {
    if (!request.url.startsWith(runHooks)) {
      return this.#receive(JSON.parse(textOf(request.body)) as Notification);
    }
    this.#world.runs.receive(request);
    return response(200, {});
  }

  #receive(notification: Notification): OutboundResponse {
    const { specs, recorder, names, heldWakes, isDisturbed } = this.#world;
    const spec = specs.find(({ id }) => id === notification.subscription_id);
    if (spec === undefined) throw new Error('a webhook of a subscription that nobody made');
    const { wake_id: wakeId, generation, streams, callback_token: token } = notification;
    const wake: HeldWake = { spec, wakeId, generation, token, streams };
    const op = recorder.call({ client: 'webhook', ...callOf(spec, 'wake') });
    recorder.answer(op, toldAnswer(names, spec, notification));
    heldWakes.push(wake);
    const isDone = !isDisturbed || this.#prng.chance(0.4);
    if (!isDone) return response(this.#prng.chance(0.1) ? 503 : 200, {});
    // The relay takes it for an ack of everything, should the answer reach it in time.
    const acks = acksOf(names, spec, allAcks(wake));
    const done = { ...callOf(spec, 'ack'), generation, acks, done: true };
    recorder.answer(recorder.call({ client: 'webhook', ...done }), { outcome: 'unknown' });
    return response(200, { done: true });
  }
}
