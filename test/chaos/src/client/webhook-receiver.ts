// Where a server without keys may deliver: records each wake that arrives, and calls back about some
// of them, also late.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { Recorder } from './recorder.ts';
import type { Subscriber } from './subscriber.ts';
import { specIn } from './subscription-specs.ts';
import { allAcks, type HeldWake, positionsOf, type ToldWake, toldAnswer } from './wake.ts';

interface Notification extends ToldWake {
  readonly subscription_id: string;
  readonly callback_token: string;
}

export interface ReceiverParts {
  readonly random: Random;
  readonly recorder: Recorder;
  readonly subscriber: Subscriber;
  readonly tenant: string;
}

/** Longer than a lease. */
const callbackMsMax = 2_600;

export class WebhookReceiver implements AsyncDisposable {
  readonly #parts: ReceiverParts;
  readonly #server: Server;
  readonly #calling = new Set<Promise<void>>();
  #heldWakes: HeldWake[] = [];
  #url = '';

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  /** Where it listens from now on. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.#url;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { random, recorder, tenant } = this.#parts;
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      // Its sender died over it: nothing has arrived.
      return;
    }
    const told = JSON.parse(Buffer.concat(pieces).toString()) as Notification;
    const spec = specIn(`${tenant}/$sub/${told.subscription_id}`, this.#url);
    if (spec === undefined) throw new Error('a webhook of a subscription that nobody made');
    const { wake_id: wakeId, generation, streams, callback_token: token } = told;
    const wake: HeldWake = { spec, wakeId, generation, token, streams };
    this.#heldWakes = [...this.#heldWakes, wake].slice(-6);
    const { full } = spec;
    const common = { session: full, subscription: full } as const;
    recorder.answer(recorder.call({ ...common, type: 'wake' }), toldAnswer(spec, told));
    if (!random.chance(0.4)) {
      response.writeHead(random.chance(0.1) ? 503 : 200).end();
      this.#callBack();
      return;
    }
    // The relay takes it for an ack of everything, should the answer reach it in time.
    const acks = positionsOf(spec, allAcks(wake));
    const op = recorder.call({ ...common, type: 'ack', generation, acks, done: true });
    recorder.answer(op, { outcome: 'unknown' });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
  }

  #callBack(): void {
    const { random, subscriber } = this.#parts;
    const held = random.pick(this.#heldWakes);
    const acks = random.chance(0.5) ? allAcks(held) : [];
    const done = random.chance(0.6);
    const calling = delay(random.below(callbackMsMax)).then(async () => {
      await subscriber.ack(held, { acks, done });
      this.#calling.delete(calling);
    });
    this.#calling.add(calling);
  }

  /** Whatever it called back about has been answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#calling);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
