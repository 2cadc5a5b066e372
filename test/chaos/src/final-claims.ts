// Behind all faults whatever is pending is handed out: who claims until nothing is left has been shown
// everything, and no wake was announced twice.

import { setTimeout as delay } from 'node:timers/promises';
import { Exchange, type Server } from './client/exchange.ts';
import { nowAt, Recorder } from './client/recorder.ts';
import { Subscriber } from './client/subscriber.ts';
import { type SubscriptionSpec, specIn, wakeStream } from './client/subscription-specs.ts';
import { allAcks } from './client/wake.ts';
import type { ClientTenant } from './client-process.ts';

export interface FinalClaims {
  /** As histories name them. */
  readonly subscriptions: ReadonlySet<string>;
  readonly tenants: readonly ClientTenant[];
  readonly server: Pick<Server, 'host' | 'port'>;
  readonly historyFile: string;
  readonly webhookUrl?: string | undefined;
}

const atOnceMax = 8;
const attemptsMax = 100;
const betweenMs = 200;
/** Something else than these is no end. */
const ends: ReadonlySet<string> = new Set(['no-pending-work', 'subscription-not-found']);

/** What is wrong that no history shows. */
export async function claimEverything(claims: FinalClaims): Promise<string[]> {
  const { subscriptions, tenants, server, historyFile, webhookUrl } = claims;
  const recorder = new Recorder(historyFile, 'claims');
  const exchanges = new Map(
    tenants.map(({ tenant, headers }) => [tenant, new Exchange({ ...server, headers }, 60_000)]),
  );
  const subscriber = new Subscriber(recorder, exchanges);
  const from = nowAt();
  const waiting = [...subscriptions].flatMap((full) => specIn(full, webhookUrl) ?? []);
  const wrong: string[] = [];
  const claimOn = async (): Promise<void> => {
    for (let spec = waiting.pop(); spec !== undefined; spec = waiting.pop()) {
      // Deliveries may wait for a minute until they are tried again: nobody waits for them.
      if (spec.kind === 'webhook') await subscriber.unsubscribe(spec);
      else wrong.push(...(await claimAll(subscriber, spec)));
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, claimOn));
  recorder.drained(from);
  recorder.close();
  for (const exchange of exchanges.values()) {
    wrong.push(...(await announcedTwice(exchange)));
    exchange.close();
  }
  return wrong;
}

async function claimAll(subscriber: Subscriber, spec: SubscriptionSpec): Promise<string[]> {
  let last: string | undefined;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const { answer, wake } = await subscriber.claim(spec, 'final');
    if (ends.has(answer.code ?? '')) return [];
    last = answer.code;
    if (wake === undefined) await delay(betweenMs);
    else await subscriber.ack(wake, { acks: allAcks(wake), done: true });
  }
  return [`${spec.full} cannot be claimed to its end: ${last}`];
}

interface Announcement {
  readonly subscription_id: string;
  readonly generation: number;
}

async function announcedTwice(exchange: Exchange): Promise<string[]> {
  const found = new Set<string>();
  const twice: string[] = [];
  for (let offset = '-1'; ; ) {
    const path = `/v1/stream/${wakeStream}?offset=${offset}`;
    const answer = await exchange.ask({ method: 'GET', path });
    if (answer.kind !== 'answer' || answer.status === 404) return twice;
    for (const announced of JSON.parse(answer.body) as readonly Announcement[]) {
      const name = `${announced.subscription_id} ${announced.generation}`;
      if (found.has(name)) twice.push(`${name} was announced twice`);
      found.add(name);
    }
    if (answer.headers['stream-up-to-date'] === 'true') return twice;
    offset = String(answer.headers['stream-next-offset']);
  }
}
