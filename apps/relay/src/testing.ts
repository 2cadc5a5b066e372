// Relay processes over one simulated log and clock, and a receiver of webhooks, for tests.

import {
  type Outbound,
  type OutboundRequest,
  type OutboundResponse,
  silentLogger,
  silentMetrics,
} from '@tidemark/ports';
import { SeededPrng, SimulatedClock, SimulatedEventLog } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { type SimulatedProcess, startProcess } from '@tidemark/replica/testing';
import { cursorAt } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { Relay, type RelayOptions } from './relay.ts';
import type { StreamListing } from './stream-listing.ts';
import { parseSubscription } from './subscription-request.ts';
import { Subscriptions } from './subscriptions.ts';

export { Candidates } from './candidates.ts';
export { FollowedSubscription } from './followed-subscription.ts';
export { EventPoster } from './outbox/event-post.ts';
export { StreamsNow } from './tenant-streams.ts';

export interface Notification {
  readonly subscription_id: string;
  readonly wake_id: string;
  readonly generation: number;
  readonly streams: readonly StreamListing[];
  readonly callback_url: string;
  readonly callback_token: string;
}

export interface Received {
  readonly notification: Notification;
  readonly request: OutboundRequest;
  /** The process that sent it. */
  readonly by: string;
}

export const json = (value: unknown, status = 200): OutboundResponse => ({
  status,
  body: bytesOf(JSON.stringify(value)),
});

/** Takes webhooks from any process, and answers as the test says. */
export class SimulatedReceiver {
  readonly received: Received[] = [];
  answer: (received: Received) => Promise<OutboundResponse> | OutboundResponse = () => json({});

  connect(by: string, isDead: () => boolean): Outbound {
    return {
      post: (request, signal) =>
        new Promise((resolve, reject) => {
          if (isDead()) return;
          const notification = JSON.parse(textOf(request.body)) as Notification;
          const received = { notification, request, by };
          this.received.push(received);
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
          Promise.resolve()
            .then(() => this.answer(received))
            .then((response) => {
              if (!isDead()) resolve(response);
            }, reject);
        }),
    };
  }

  get last(): Notification {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error('nothing was received');
    return last.notification;
  }

  get generations(): readonly number[] {
    return this.received.map(({ notification }) => notification.generation);
  }
}

export interface RelayProcess extends AsyncDisposable {
  readonly name: string;
  readonly base: SimulatedProcess;
  readonly relay: Relay;
  readonly subscriptions: Subscriptions;
  /** Nothing that it began is heard of any more. */
  crash(): void;
}

export interface CellOptions {
  readonly seed?: number;
  readonly partitions?: number;
  /** Without delays, for rules that time between processes has no part in. */
  readonly instant?: boolean;
}

export class SimulatedCell implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly prng: SeededPrng;
  readonly log: SimulatedEventLog;
  readonly receiver = new SimulatedReceiver();
  readonly partitions: number;
  readonly #processes: RelayProcess[] = [];

  constructor({ seed = 1, partitions = 1, instant = true }: CellOptions = {}) {
    this.prng = new SeededPrng(seed);
    this.log = new SimulatedEventLog({
      clock: this.clock,
      prng: this.prng.fork('log'),
      instant,
    });
    this.partitions = partitions;
  }

  async start(
    name: string,
    { permitsLoopback = true, ...rest }: Partial<RelayOptions> = {},
  ): Promise<RelayProcess> {
    const { clock, partitions } = this;
    const log = this.log.connect(name);
    const prng = this.prng.fork(name);
    const base = await clock.runUntil(startProcess({ log, clock, prng, partitions }));
    let isDead = false;
    const outbound = this.receiver.connect(name, () => isDead);
    const parts = { ...base, clock, prng, logger: silentLogger, metrics: silentMetrics, outbound };
    const relay = new Relay(parts, { permitsLoopback, ...rest });
    relay.start();
    const end = async (): Promise<void> => {
      isDead = true;
      await relay[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
    };
    const process: RelayProcess = {
      name,
      base,
      relay,
      subscriptions: new Subscriptions(relay),
      crash: () => {
        isDead = true;
        log.crash();
      },
      [Symbol.asyncDispose]: () => (isDead ? Promise.resolve() : end()),
    };
    this.#processes.push(process);
    await this.clock.advance(0);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process[Symbol.asyncDispose]();
  }
}

const baseUrl = 'http://127.0.0.1:4437';

export const webhookBody = {
  type: 'webhook',
  pattern: 'events/*',
  webhook: { url: 'http://127.0.0.1:9000/hook' },
  lease_ttl_ms: 1_000,
};

export const pullBody = {
  type: 'pull-wake',
  pattern: 'events/*',
  wake_stream: 'wake/pool',
  lease_ttl_ms: 1_000,
};

/** Speaks to a process as its routes do. */
export class Client {
  readonly #process: RelayProcess;

  constructor(process: RelayProcess) {
    this.#process = process;
  }

  put(id: string, body: object): Promise<{ isNew: boolean; body: object }> {
    const { subscriptions, base } = this.#process;
    return subscriptions.put(base.tenant, id, parseSubscription({ ...body }, baseUrl));
  }

  async get(id: string): Promise<{
    readonly status: string;
    readonly streams: readonly { path: string; link_type: string; acked_offset: string }[];
  }> {
    const { subscriptions, base } = this.#process;
    return (await subscriptions.get(base.tenant, id)) as never;
  }

  delete(id: string): Promise<void> {
    return this.#process.subscriptions.delete(this.#process.base.tenant, id);
  }

  async claim(
    id: string,
    worker: string,
  ): Promise<{ wake_id: string; generation: number; token: string; streams: StreamListing[] }> {
    const { subscriptions, base } = this.#process;
    return (await subscriptions.claim(base.tenant, id, worker)) as never;
  }

  ack(
    kind: 'webhook' | 'pull-wake',
    wake: { id: string; wakeId: string; generation: number; token: string },
    { acks = [] as { path: string; offset: string }[], done = false } = {},
  ): Promise<object> {
    const { wakeId, generation, token, id } = wake;
    const request = { kind, wakeId, generation, acks: acks as never, done };
    return this.#process.subscriptions.ack(token, id, request);
  }

  release(wake: { id: string; wakeId: string; generation: number; token: string }): Promise<void> {
    return this.#process.subscriptions.release(wake.token, wake.id, wake);
  }

  async create(name: string, contentType = 'application/json'): Promise<void> {
    const { writes, tenant } = this.#process.base;
    await writes.create(tenant, name as SessionName, {
      contentType,
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      events: [],
      fork: undefined,
    });
  }

  async append(name: string, ...events: string[]): Promise<void> {
    const { writes, tenant } = this.#process.base;
    await writes.append(tenant, name as SessionName, {
      kind: 'append',
      contentType: 'application/json',
      events: events.map(bytesOf),
      close: false,
    });
  }

  async deleteStream(name: string): Promise<void> {
    const { writes, tenant } = this.#process.base;
    await writes.delete(tenant, name as SessionName);
  }

  async tail(name: string): Promise<string> {
    const { shards, tenant } = this.#process.base;
    const { replica, key } = shards.locate(tenant, name);
    await replica.readIndex();
    return replica.with(key, ({ state: { stream } }) => {
      if (stream === undefined) throw new Error(`no stream ${name}`);
      return cursorAt(stream, stream.tailPosition);
    });
  }

  async events(name: string): Promise<readonly Record<string, unknown>[]> {
    const { shards, tenant } = this.#process.base;
    const { replica, key } = shards.locate(tenant, name);
    await replica.readIndex();
    const bodies = await replica.with(key, async (session) => {
      if (session.events === undefined) return [];
      const bounds = { position: 0, bytesMax: Infinity, eventsMax: Infinity };
      return (await shards.reader.read({ replica, session }, bounds)).bodies;
    });
    return JSON.parse(`[${bodies.map(textOf).join('').slice(0, -1)}]`) as never;
  }
}

/** The wake that a notification speaks of, as its receiver answers to it. */
export const wakeOf = (
  notification: Notification,
): { id: string; wakeId: string; generation: number; token: string } => ({
  id: notification.subscription_id,
  wakeId: notification.wake_id,
  generation: notification.generation,
  token: notification.callback_token,
});
