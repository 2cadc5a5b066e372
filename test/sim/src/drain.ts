// Behind all faults, whatever is pending is handed out: webhooks are delivered, workers are woken, and
// who claims until nothing is left has been shown everything.

import { isProblem } from '@tidemark/protocol';
import { plain } from '@tidemark/replica/testing';
import { textOf } from '@tidemark/std';
import { ack, claim } from './ask-relay.ts';
import type { Incarnation } from './incarnation.ts';
import { type SubscriptionSpec, wakeStream } from './subscription-spec.ts';
import { acksOf, allAcks, type HeldWake, toldAnswer } from './wake.ts';
import { askRelay } from './worker.ts';
import type { World } from './world.ts';

/** Where there is no room for candidates a wake names one stream: a run has fewer than this. */
const claimsMax = 40;

/** `from`: what was acknowledged until then has had the time that it takes to wake somebody. */
export async function drain(world: World, process: Incarnation, from: number): Promise<void> {
  const { specs, clock, recorder } = world;
  const announced = await clock.runUntil(announcedIn(world, process));
  for (const spec of specs) {
    if (spec.kind === 'pull-wake') await drainOne(world, { process, spec, announced });
  }
  recorder.drained(from);
}

async function drainOne(
  world: World,
  parts: {
    readonly process: Incarnation;
    readonly spec: SubscriptionSpec;
    readonly announced: ReadonlySet<string>;
  },
): Promise<void> {
  const { spec, process, announced } = parts;
  const { clock, broken } = world;
  for (let claims = 0; claims < claimsMax; claims += 1) {
    const work = claimLast(world, process, spec);
    const claimed = await clock.runUntil(Promise.race([work, world.elapsed(30_000)]));
    if (claimed === undefined) return;
    const { generation } = claimed;
    // Nobody else claims any more: what is pending now has been so for long.
    if (claims > 0 || announced.has(announcement(spec.id, generation))) continue;
    broken.push(`${spec.full} has something pending in ${generation}, and nobody was woken`);
  }
}

async function claimLast(
  world: World,
  process: Incarnation,
  spec: SubscriptionSpec,
): Promise<HeldWake | undefined> {
  const { names, recorder, broken } = world;
  const asking = { process, client: 'final' };
  let held: HeldWake | undefined;
  const { op, answer } = await askRelay(world, asking, {
    spec,
    asked: { type: 'claim' },
    run: async () => {
      const { told, wake } = await claim(process, spec, 'final');
      held = wake;
      return { isNew: true, ...toldAnswer(names, spec, told) };
    },
  });
  recorder.answer(op, answer);
  if (held === undefined) {
    const isOver = answer.code === 'no-pending-work' || answer.code === 'subscription-not-found';
    if (!isOver) broken.push(`${spec.full} cannot be claimed in the end: ${answer.code}`);
    return undefined;
  }
  const wake = held;
  const acks = allAcks(wake);
  const asked = { type: 'ack', generation: wake.generation, done: true } as const;
  const ended = await askRelay(world, asking, {
    spec,
    asked: { ...asked, acks: acksOf(names, spec, acks) },
    run: async () => {
      await ack(process, wake, { acks, done: true });
      return undefined;
    },
  });
  recorder.answer(ended.op, ended.answer);
  return wake;
}

const announcement = (id: string, generation: number): string => `${id} ${generation}`;

/** Wakes that workers could read of; none is announced twice. */
async function announcedIn(world: World, process: Incarnation): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const { broken, plan } = world;
  for (const tenant of process.tenants) {
    const { replica, key } = process.shards.locate(tenant, wakeStream);
    await replica.readIndex();
    const bounds = { position: 0, bytesMax: Infinity, eventsMax: Infinity };
    const bodies = await replica.with(key, async (session) => {
      if (session.state.stream === undefined) return [];
      return (await process.shards.reader.read({ replica, session }, bounds)).bodies;
    });
    const events = JSON.parse(`[${bodies.map(textOf).join('').slice(0, -1)}]`) as {
      readonly subscription_id: string;
      readonly generation: number;
    }[];
    for (const { subscription_id: id, generation } of events) {
      const name = announcement(id, generation);
      if (found.has(name) && !plan.isForgetting) broken.push(`${name} was announced twice`);
      found.add(name);
    }
  }
  return found;
}

/** Where wakes are announced: made by whoever is there, as often as it takes. */
export async function makeWakeStreams(world: World): Promise<void> {
  for (;;) {
    const process = world.incarnations.find(({ isReady }) => isReady);
    if (process !== undefined && (await hasMade(process))) return;
    await world.elapsed(50);
  }
}

async function hasMade(process: Incarnation): Promise<boolean> {
  const creates = process.tenants.map(async (tenant) => {
    await process.writes.create(tenant, wakeStream as never, plain);
    return true;
  });
  const made = Promise.all(creates).then(
    () => true,
    (cause: unknown) => {
      if (isProblem(cause)) return false;
      throw cause;
    },
  );
  return Promise.race([made, process.gate.crashed.then(() => false)]);
}
