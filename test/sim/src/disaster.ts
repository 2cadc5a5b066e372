// What ends a shard: the log is lost or replaced, or another log's records lie in it. From then on a
// process may refuse to serve the shard; what it does serve may not contradict what was acknowledged.

import type { Shard } from '@tidemark/ports';
import { noHeaders } from '@tidemark/ports';
import { encodeRecordHeaders } from '@tidemark/session';
import { bytesOf, emptyBytes, hexOf } from '@tidemark/std';
import { finalOperations } from './final-operations.ts';
import type { Incarnation } from './incarnation.ts';
import { locate, read } from './operate.ts';
import type { World } from './world.ts';

/** All processes have folded everything: only then can they notice what is gone. */
export async function strike(world: World): Promise<void> {
  const { clock, plan, log, names } = world;
  if (plan.isFollowed) {
    // Some read on, and are told.
    world.moreOperations(20);
    await clock.runUntil(Promise.race([world.clients(), world.elapsed(60_000)]));
  }
  const shard = await foldedByAll(world);
  if (shard === undefined) return;
  // Nobody else reads on: whoever comes back later has only what it remembers to compare with.
  if (!plan.isFollowed) await clock.advance(10_000);
  const { end } = log.bounds(shard);
  if (plan.disaster === 'foreign-epoch') writeOfAnotherEpoch(world, shard);
  else if (plan.disaster === 'log-trimmed') {
    await clock.runUntil(log.connect('operator').trim(shard, end));
  } else {
    const lost = BigInt(1 + world.prng.below(Math.min(4, Number(end) - 1)));
    log.failOver(shard);
    log.loseTail(shard, end - lost);
    await clock.advance(50);
    if (plan.disaster === 'log-replaced') {
      const count = Number(lost) + world.prng.below(3);
      for (let index = 0; index < count; index += 1) {
        const record = { key: bytesOf('other'), value: emptyBytes, headers: noHeaders, timeMs: 0 };
        log.injectForeign(shard, record);
      }
    }
  }
  const struckAt = world.recorder.at;
  world.moreOperations(30);
  await clock.runUntil(Promise.race([world.clients(), world.elapsed(60_000)]));
  await hearOfIt(world);
  const ops = finalOperations(world);
  for (const process of world.incarnations) {
    for (const named of names) {
      const work = ops.read(process, named);
      await clock.runUntil(Promise.race([work, world.elapsed(30_000)]));
    }
  }
  await clock.advance(1_000);
  for (const follower of [...world.followers]) follower.outlive();
  // A log without its beginning tells nobody who is new what it holds.
  if (plan.disaster !== 'log-trimmed') await judge(world, shard, struckAt);
}

/** A log that lacks just its last record is asked again for a while before it is given up. */
async function hearOfIt({ incarnations, names, clock }: World): Promise<void> {
  for (const process of incarnations) {
    for (const named of names) {
      locate(process, named)
        ?.replica.readIndex()
        .catch(() => undefined);
    }
  }
  await clock.advance(60_000);
}

/** Whatever was acknowledged since stands in the log as it is now: a fresh fold of it tells. */
async function judge(world: World, shard: Shard, struckAt: number): Promise<void> {
  const { clock, bodies, names, plan, recorder, broken } = world;
  // It knows nothing of what was lost, and so would wake again for what was acknowledged.
  const fresh = world.start(plan.processes + 1, { hasRelay: false });
  await clock.advance(10_000);
  const stands = new Set<string>();
  for (const named of names) {
    if (locate(fresh, named)?.replica.shard !== shard) continue;
    const asked = { from: 'start', eventsMax: 100_000 } as const;
    const reading = read(fresh, named, { asked, bodies }).catch(() => undefined);
    const answered = await clock.runUntil(
      Promise.race([reading, world.elapsed(30_000).then(() => undefined)]),
    );
    for (const name of answered?.answer.events ?? []) stands.add(name);
  }
  const later = recorder.entries.filter(({ at }) => at > struckAt);
  const asked = new Map(
    later.flatMap((entry) => (entry.kind === 'call' ? [[entry.op, entry] as const] : [])),
  );
  const calls = [...asked.values()];
  for (const entry of later) {
    if (entry.kind !== 'return' || entry.outcome !== 'ok' || entry.isNew !== true) continue;
    const call = asked.get(entry.op);
    const named = names.find(({ full }) => full === call?.session);
    // What has a time to live may be over, and made again.
    if (named?.lifetime !== 'none' || named.tier > 0) continue;
    if (call?.shard !== shard || call.type !== 'append') continue;
    if (calls.some(({ type, session }) => type === 'delete' && session === call.session)) continue;
    for (const name of call.events ?? []) {
      if (!stands.has(name)) broken.push(`${name} was acknowledged, and stands in no log`);
    }
  }
}

async function foldedByAll({
  incarnations,
  clock,
  log,
  shards,
  prng,
}: World): Promise<Shard | undefined> {
  const ours = shards.filter((shard) => !shard.startsWith('tidemark-control'));
  const used = ours.filter((shard) => log.bounds(shard).end > 5n);
  const shard = used[prng.below(Math.max(1, used.length))];
  if (shard === undefined) return undefined;
  for (const { shards: opened } of incarnations) {
    const replica = [...opened.opened].find((candidate) => candidate.shard === shard);
    if (replica === undefined || replica.stopped !== undefined) return undefined;
    await clock.runUntil(replica.readIndex());
    // A record that is none of ours has no id to tell it from another.
    if (replica.fold.anchor?.id === '') return undefined;
  }
  return shard;
}

/** The next event of some session, by a writer of another log epoch. */
function writeOfAnotherEpoch(world: World, shard: Shard): void {
  const process = world.incarnations[0] as Incarnation;
  for (const named of world.names) {
    const placed = locate(process, named);
    const state = placed?.replica.fold.table.resident(placed.key)?.state;
    const { stream } = state ?? {};
    if (placed?.replica.shard !== shard || state === undefined || stream === undefined) continue;
    if (stream.isClosed || state.life !== 'live') continue;
    const value = world.bodies.add(`alien${world.unique()}`, stream.isJson, 0);
    const record = {
      kind: 'event',
      rev: state.rev,
      id: hexOf(world.prng.bytes(16)),
      prev: state.lastId,
      logEpoch: 'another',
      level: 1,
      timeMs: world.clock.nowMs(),
      value,
      seq: stream.tailSeq,
      count: 1,
    } as const;
    const headers = encodeRecordHeaders(record);
    const { timeMs } = record;
    world.log.injectForeign(shard, { key: bytesOf(placed.key), value, headers, timeMs });
    return;
  }
}
