// An independent client: a process of its own that knows the platform by its address alone.

import { Actor } from './client/actor.ts';
import { Exchange } from './client/exchange.ts';
import { Knowledge } from './client/knowledge.ts';
import { Reader } from './client/reader.ts';
import { Recorder } from './client/recorder.ts';
import { Subscriber } from './client/subscriber.ts';
import type { HeldWake } from './client/wake.ts';
import { Worker } from './client/worker.ts';
import { Writer } from './client/writer.ts';
import type { ClientOrder } from './client-process.ts';
import { Random } from './random.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as ClientOrder;
const { name, host, port, seed, timeoutMs } = order;
const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());

const recorder = new Recorder(order.historyFile, name);
process.once('exit', () => recorder.close());
const exchanges = new Map(
  order.tenants.map(({ tenant, headers }) => [
    tenant,
    new Exchange({ host, port, headers }, timeoutMs),
  ]),
);
const reader = new Reader({ recorder, exchanges });
const writer = new Writer(recorder, exchanges);
const knowledge = new Knowledge();
const tenants = order.tenants.map(({ tenant }) => tenant);
const { sinceMs, pauseMsMax } = order;
const actors = Array.from({ length: order.actors }, (_, index) => {
  const actorName = `${name}${index}`;
  const random = new Random(seed, actorName);
  const number = order.firstActor + index;
  const parts = { random, reader, writer, knowledge, name: actorName, number };
  return new Actor(parts, { tenants, sinceMs, pauseMsMax });
});
const subscriber = new Subscriber(recorder, exchanges);
const heldWakes: HeldWake[] = [];
const workers = Array.from({ length: order.workers }, (_, index) => {
  const workerName = `${name}w${index}`;
  const random = new Random(seed, workerName);
  const parts = { random, reader, subscriber, heldWakes, name: workerName };
  const { workerPauseMsMax, webhookUrl } = order;
  return new Worker(parts, { tenants, sinceMs, pauseMsMax: workerPauseMsMax, webhookUrl });
});
await Promise.all([...actors, ...workers].map((one) => one.run(ending.signal)));
process.exit(0);
