// (1) A session is made as it was published last, with the events that are in segments, each at its seq.
// (2) What is missing is told to the event: what was published of a session, and is in no segment.
// (3) A session that may have ended since its events were archived is made only where what was published says so.

import { StartRefusal } from '@tidemark/platform';
import { type ObjectStore, partitionOfShard, topicOf } from '@tidemark/ports';
import { type LogName, ownerIn } from '@tidemark/replica';
import { logsIn, type PublishedObjects, runsOf, sessionsOf } from '@tidemark/segments';
import type { SessionState } from '@tidemark/session';
import { isProblem, SessionsClient } from '@tidemark/sessions-client';
import { RestoredSessions } from './restored-sessions.ts';

interface Bucket extends Pick<PublishedObjects, 'publications' | 'archive'> {
  readonly store: ObjectStore;
}

interface Target {
  readonly url: string;
  readonly adminKey: string;
}

export interface RestoreReport {
  readonly tenants: number;
  readonly sessions: number;
  readonly events: number;
  /** That were published, and are in no segment. */
  readonly lostEvents: number;
}

export async function restoreBucket(
  { store, publications, archive }: Bucket,
  target: Target,
  tell: (told: object) => void,
): Promise<RestoreReport> {
  const { signal } = new AbortController();
  const logs = newestOf(await logsIn(store, signal));
  const clients = new Map<string, SessionsClient>();
  let [sessions, events, lostEvents] = [0, 0, 0];
  for (const log of logs) {
    const states = new Map<string, SessionState>();
    for await (const state of sessionsOf(publications, log, signal)) {
      states.set(`${state.tenant}/${state.name}`, state);
    }
    const tenants = new Map<string, RestoredSessions>();
    const restored = async (tenant: string): Promise<RestoredSessions> => {
      const known = tenants.get(tenant);
      if (known !== undefined) return known;
      const client = clients.get(tenant) ?? (await makeTenant(tenant, { logs, target, tell }));
      clients.set(tenant, client);
      const made = new RestoredSessions(client, states);
      tenants.set(tenant, made);
      return made;
    };
    for (const { tenant } of states.values()) await restored(tenant);
    for await (const run of runsOf(archive, log, signal)) {
      await (await restored(run.tenant)).take(run);
    }
    for (const [tenant, each] of tenants) {
      const ended = await each.end((told) => tell({ tenant, ...told }));
      sessions += ended.sessions;
      events += ended.events;
      lostEvents += ended.lostEvents;
    }
  }
  return { tenants: clients.size, sessions, events, lostEvents };
}

/** Of each shard the log that was begun last: earlier ones were restored into it, or given up. */
const newestOf = (logs: readonly LogName[]): readonly LogName[] => [
  ...new Map(logs.map((log) => [log.shard, log])).values(),
];

async function makeTenant(
  id: string,
  {
    logs,
    target,
    tell,
  }: {
    readonly logs: readonly LogName[];
    readonly target: Target;
    readonly tell: (told: object) => void;
  },
): Promise<SessionsClient> {
  const { url, adminKey } = target;
  const own = logs.filter(({ shard }) => ownerIn(topicOf(shard), '').tenant === id);
  const partitions = Math.max(0, ...own.map(({ shard }) => partitionOfShard(shard) + 1));
  const admin = new SessionsClient({ baseUrl: url, apiKey: adminKey });
  const body = own.length === 0 ? { id, pooled: true } : { id, partitions };
  const apiKey = await newKey(admin, body);
  if (apiKey === undefined) {
    throw new StartRefusal(`the tenant ${id} is there: the cluster is not empty`);
  }
  tell({ tenant: id, apiKey });
  return new SessionsClient({ baseUrl: url, apiKey });
}

/** Undefined where the tenant is there already. */
async function newKey(admin: SessionsClient, body: object): Promise<string | undefined> {
  try {
    const path = '/v1/admin/tenants';
    const made = await admin.json<{ readonly apiKey?: string }>(path, { method: 'POST', body });
    return made.apiKey;
  } catch (cause) {
    if (isProblem(cause, 'tenant-exists')) return undefined;
    throw cause;
  }
}
