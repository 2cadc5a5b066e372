// Which turns nobody runs: workers wait here, and claim what they hear of where it is written.

import { type Edge, type EdgeReply, parameterOf, parseNatural, queryOf } from '@tidemark/edge';
import type { TimerWheel } from '@tidemark/platform';
import { limits } from '@tidemark/protocol';
import {
  type FoldedSession,
  type Shards,
  shardsOf,
  type Tenant,
  turnShelf,
  walkShelf,
} from '@tidemark/replica';
import { isClaimable } from '@tidemark/session';
import { type Fields, valuesOf } from '@tidemark/sessions-api';
import type { SessionReadParts } from '../sessions/parts.ts';

const toldMax = 32;
/** A lease that runs out tells nobody. */
const lookAgainMs = 500;

export class TurnWaits {
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(shards: Shards) {
    shards.onOpened((replica) => {
      replica.feed.listen({ step: (changed) => this.#changed(changed) });
    });
  }

  #changed(changed: ReadonlySet<FoldedSession>): void {
    if (this.#waiting.size === 0) return;
    for (const { state } of changed) {
      const isWaiting = state.stream?.aspects.turns.waitingSeq !== undefined;
      if (isWaiting) for (const look of this.#waiting.get(state.tenant) ?? []) look();
    }
  }

  /** Resolves when something may have changed, after a moment, or when nobody waits any more. */
  next(tenant: Tenant, reply: EdgeReply, wheel: TimerWheel): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(tenant.id) ?? new Set();
      this.#waiting.set(tenant.id, waiting);
      const done = (): void => {
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(tenant.id);
        cancel();
        reply.raw.off('close', done);
        resolve();
      };
      const cancel = wheel.after(lookAgainMs, done);
      waiting.add(done);
      reply.raw.once('close', done);
    });
  }
}

export function addTurnWaits(edge: Edge, parts: SessionReadParts, waits: TurnWaits): void {
  edge.get('/v3/turns', { config: { scope: 'append' } }, async (request, reply) => {
    const tenant = await parts.tenancy.tenantOf(request);
    const query = queryOf(request.raw.url ?? '');
    const asked = parameterOf(query, 'wait_seconds');
    const seconds = asked === undefined ? 0 : parseNatural(asked, 'wait_seconds');
    const untilMs = parts.nowMs() + Math.min(1_000 * seconds, limits.longPollMs);
    const agents = new Set(valuesOf(query, 'agent'));
    const replicas = shardsOf(tenant).map((shard) => parts.shards.replica(tenant, shard));
    const releases = replicas.map((replica) => replica.retain());
    try {
      for (;;) {
        const data = await claimable(parts, tenant, agents);
        const isOver = parts.nowMs() >= untilMs || reply.raw.destroyed;
        if (data.length > 0 || isOver) {
          return await reply.header('cache-control', 'no-store').send({ data });
        }
        await waits.next(tenant, reply, parts.wheel);
      }
    } finally {
      for (const release of releases) release();
    }
  });
}

async function claimable(
  { shards, nowMs }: SessionReadParts,
  tenant: Tenant,
  agents: ReadonlySet<string>,
): Promise<readonly Fields[]> {
  const found: Fields[] = [];
  for await (const { name, replica } of walkShelf(shards, tenant, turnShelf)) {
    const { key } = shards.locate(tenant, name);
    const told = await replica.with(key, ({ state: { stream } }) => {
      if (stream === undefined || !isClaimable(stream, nowMs())) return undefined;
      const agent = String(stream.aspects.profile.agent?.['id']);
      if (agents.size > 0 && !agents.has(agent)) return undefined;
      const isLost = stream.aspects.turns.running !== undefined;
      return { session: name, agent_id: agent, state: isLost ? 'lost' : 'queued' };
    });
    if (told !== undefined) found.push(told);
    if (found.length >= toldMax) return found;
  }
  return found;
}
