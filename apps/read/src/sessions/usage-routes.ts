// What a tenant's sessions have taken in, by days: in sum, or session by session. The log's own count.

import { type Edge, parameterOf, queryOf } from '@tidemark/edge';
import { Problem, parseTimestamp, timestampText } from '@tidemark/protocol';
import { type ShardReplica, shardsOf, type Tenant, type UsageRow } from '@tidemark/replica';
import { type DayUsage, dayOf, daysOf } from '@tidemark/session';
import { type Fields, parseLimit, sessionPrefixes } from '@tidemark/sessions-api';
import { openView, type SessionReadParts, subjectOf } from './parts.ts';

interface Days {
  readonly fromDay: number;
  readonly toDay: number;
}

const daysMax = 400;
const daysFallback = 31;
const limitBounds = { fallback: 1_000, max: 1_000 };
const msADay = 86_400_000;

const dateText = (day: number): string => timestampText(day * msADay).slice(0, 10);

function dayIn(query: URLSearchParams, name: string): number | undefined {
  const text = parameterOf(query, name);
  if (text === undefined) return undefined;
  const atMs = parseTimestamp(`${text}T00:00:00Z`);
  if (atMs !== undefined && dateText(dayOf(atMs)) === text) return dayOf(atMs);
  throw new Problem('invalid-request', `${name} is a day: 2026-01-31`);
}

function daysIn(query: URLSearchParams, nowMs: number): Days {
  const toDay = dayIn(query, 'to') ?? dayOf(nowMs);
  const fromDay = dayIn(query, 'from') ?? toDay - daysFallback + 1;
  if (fromDay > toDay || toDay - fromDay >= daysMax) {
    throw new Problem('invalid-request', `from and to are 1 to ${daysMax} days`);
  }
  return { fromDay, toDay };
}

const countsOf = (usage: Omit<DayUsage, 'day'>): Fields => ({
  events: usage.events,
  bytes: usage.bytes,
  input_tokens: usage.inputTokens,
  output_tokens: usage.outputTokens,
  list_cost: String(usage.listCost),
});

export function addUsageReads(edge: Edge, parts: SessionReadParts): void {
  edge.get('/v1/usage', { config: { scope: 'admin' } }, async (request, reply) => {
    const tenant = await parts.tenancy.tenantOf(request);
    const query = queryOf(request.raw.url ?? '');
    const days = daysIn(query, parts.nowMs());
    const by = parameterOf(query, 'by') ?? 'day';
    if (by !== 'day' && by !== 'session') {
      throw new Problem('invalid-request', 'by is day or session');
    }
    const replicas = shardsOf(tenant).map((shard) => parts.shards.replica(tenant, shard));
    await Promise.all(replicas.map((replica) => replica.readIndex()));
    const asked = { tenant, days, replicas, query };
    const told = by === 'day' ? await sums(asked) : await rowsPage(asked);
    return reply.header('cache-control', 'no-store').send(told);
  });

  for (const prefix of sessionPrefixes) {
    edge.get(`${prefix}/:session/usage`, async (request, reply) => {
      using view = await openView(parts, await subjectOf(parts, request));
      const data = daysOf(view.session.state.usage).map((usage) => ({
        day: dateText(usage.day),
        ...countsOf(usage),
      }));
      return reply.header('cache-control', 'no-store').send({ data });
    });
  }
}

interface Asked {
  readonly tenant: Tenant;
  readonly days: Days;
  readonly replicas: readonly ShardReplica[];
  readonly query: URLSearchParams;
}

async function sums({ tenant, days, replicas }: Asked): Promise<Fields> {
  const byDay = new Map<number, { sessions: number; usage: DayUsage }>();
  for (const replica of replicas) {
    const range = { tenant: tenant.id, ...days, after: undefined };
    for await (const { usage } of replica.usage(range)) {
      const known = byDay.get(usage.day);
      byDay.set(usage.day, {
        sessions: (known?.sessions ?? 0) + 1,
        usage: known === undefined ? usage : added(known.usage, usage),
      });
    }
  }
  const data = [...byDay]
    .sort(([one], [other]) => one - other)
    .map(([day, { sessions, usage }]) => ({ day: dateText(day), sessions, ...countsOf(usage) }));
  return { data };
}

const added = (one: DayUsage, other: DayUsage): DayUsage => ({
  day: one.day,
  events: one.events + other.events,
  bytes: one.bytes + other.bytes,
  inputTokens: one.inputTokens + other.inputTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  listCost: one.listCost + other.listCost,
});

/** Shard by shard, in the order of their rows. */
async function rowsPage({ tenant, days, replicas, query }: Asked): Promise<Fields> {
  const limit = parseLimit(parameterOf(query, 'limit'), limitBounds);
  const begin = placeIn(parameterOf(query, 'page'));
  const data: Fields[] = [];
  let last: string | null = null;
  for (let shard = begin.shard; shard < replicas.length; shard += 1) {
    const after = shard === begin.shard ? begin.after : undefined;
    const range = { tenant: tenant.id, ...days, after };
    for await (const each of replicas[shard]?.usage(range) ?? []) {
      if (data.length === limit) return { data, next_page: last };
      data.push(rowObject(each));
      last = Buffer.from(`${shard} ${each.row}`).toString('base64url');
    }
  }
  return { data, next_page: null };
}

const rowObject = ({ name, usage }: UsageRow): Fields => ({
  day: dateText(usage.day),
  session: name ?? null,
  ...countsOf(usage),
});

function placeIn(page: string | undefined): { shard: number; after: string | undefined } {
  if (page === undefined) return { shard: 0, after: undefined };
  const text = Buffer.from(page, 'base64url').toString();
  const [, shard, after] = /^(\d{1,6}) ([a-z0-9-]+\/\d{5} [\w-]{24})$/.exec(text) ?? [];
  if (after === undefined) throw new Problem('invalid-request', 'page is none of ours');
  return { shard: Number(shard), after };
}
