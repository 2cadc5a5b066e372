import { type ArchivedRun } from '@tidemark/segments';
import type { SessionState, StreamState } from '@tidemark/session';
import { type SessionsClient, sessionPath, streamPath } from '@tidemark/sessions-client';

export interface EndedSessions {
  readonly sessions: number;
  readonly events: number;
  readonly lostEvents: number;
}

const batchEvents = 500;
const batchBytes = 1_024 * 1_024;

interface Made {
  readonly isJson: boolean;
  readonly contentType: string;
  /** Where the next event goes. */
  seq: number;
}

/** Sessions of one tenant, in one shard. */
export class RestoredSessions {
  readonly #client: SessionsClient;
  readonly #states: ReadonlyMap<string, SessionState>;
  readonly #made = new Map<string, Made>();
  readonly #left = new Set<string>();
  #events = 0;

  constructor(client: SessionsClient, states: ReadonlyMap<string, SessionState>) {
    this.#client = client;
    this.#states = states;
  }

  async take(run: ArchivedRun): Promise<void> {
    const { tenant, name, tag, firstSeq, bodies, isJson, isNoted } = run;
    if (name.startsWith('$')) return;
    const stream = this.#states.get(`${tenant}/${name}`)?.stream;
    const isOther = stream !== undefined && stream.tag !== tag;
    if (isOther || (stream === undefined && isNoted)) {
      this.#left.add(name);
      return;
    }
    const made = this.#made.get(name) ?? (await this.#make(name, { stream, isJson, firstSeq }));
    if (made.seq !== firstSeq) throw new Error(`segments have a gap in ${name}`);
    await this.#append(name, made, bodies);
  }

  /** What comes before its first event stands as null: each event has the seq that it had. */
  async #make(
    name: string,
    {
      stream,
      isJson,
      firstSeq,
    }: {
      readonly stream: StreamState | undefined;
      readonly isJson: boolean;
      readonly firstSeq: number;
    },
  ): Promise<Made> {
    const contentType =
      stream?.contentType ?? (isJson ? 'application/json' : 'application/octet-stream');
    const made = { isJson, contentType, seq: 0 };
    this.#made.set(name, made);
    await (contentType === 'application/json'
      ? this.#client.json(sessionPath({ session: name }), {
          method: 'PUT',
          body: profileOf(stream),
        })
      : this.#client.ask(streamPath(name), {
          method: 'PUT',
          headers: { 'content-type': contentType },
        }));
    const nothing = isJson ? Buffer.from('null') : Buffer.of(0);
    await this.#append(
      name,
      made,
      Array.from({ length: firstSeq }, () => nothing),
    );
    if (firstSeq > 0) {
      this.#events -= firstSeq;
      const body = { before_seq: firstSeq };
      await this.#client.json(`${sessionPath({ session: name })}/trim`, { method: 'POST', body });
    }
    return made;
  }

  async #append(name: string, made: Made, bodies: readonly Uint8Array[]): Promise<void> {
    for (let from = 0; from < bodies.length; ) {
      let end = from;
      let bytes = 0;
      const countMax = made.isJson ? batchEvents : 1;
      for (; end < bodies.length && end - from < countMax && bytes < batchBytes; end += 1) {
        bytes += bodies[end]?.length ?? 0;
      }
      const some = bodies.slice(from, end);
      const texts = some.map((body) => Buffer.from(body).toString());
      const headers = {
        'content-type': made.contentType,
        'stream-match-seq': String(made.seq),
        'idempotency-key': `restored-${made.seq}`,
      };
      const body = made.isJson ? `[${texts.join(',')}]` : Buffer.concat(some);
      await this.#client.ask(streamPath(name), { method: 'POST', headers, body });
      made.seq += some.length;
      this.#events += some.length;
      from = end;
    }
  }

  /** Makes what has no events, and tells what is missing. */
  async end(tell: (told: object) => void): Promise<EndedSessions> {
    let lostEvents = 0;
    for (const { name, life, stream } of this.#states.values()) {
      if (stream === undefined || life !== 'live' || name.startsWith('$')) continue;
      const made =
        this.#made.get(name) ??
        (await this.#make(name, { stream, isJson: stream.isJson, firstSeq: firstSeqOf(stream) }));
      const lost = stream.tailSeq - made.seq;
      if (lost > 0) {
        lostEvents += lost;
        tell({ session: name, lost: { from_seq: made.seq, to_seq: stream.tailSeq } });
      }
      await this.#finish(name, stream, lost > 0);
    }
    for (const name of this.#left) tell({ session: name, left: 'it may have ended' });
    return { sessions: this.#made.size, events: this.#events, lostEvents };
  }

  async #finish(name: string, stream: StreamState, isCut: boolean): Promise<void> {
    const path = sessionPath({ session: name });
    const { facts, lifecycle } = stream.aspects;
    for (const [key, { value }] of facts.byKey) {
      const fact = `${path}/facts/${encodeURIComponent(key)}`;
      await this.#client.json(fact, { method: 'PUT', body: value });
    }
    // What lost its end goes on: whoever knows it may append it again.
    if (isCut) return;
    if (stream.isClosed) {
      const headers = { 'stream-closed': 'true' };
      await this.#client.ask(streamPath(name), { method: 'POST', headers });
    }
    if (lifecycle.archivedAtMs !== undefined) {
      await this.#client.json(`${path}/archive`, { method: 'POST' });
    }
  }
}

const firstSeqOf = ({ aspects, origin }: StreamState): number =>
  Math.max(aspects.keeping.head.seq, origin?.seq ?? 0);

function profileOf(stream: StreamState | undefined): object {
  if (stream === undefined) return {};
  const { title, agent, metadata, environmentId, resources, vaultIds, budget, limits } =
    stream.aspects.profile;
  return {
    title,
    agent,
    metadata,
    environment_id: environmentId,
    resources,
    vault_ids: vaultIds,
    budget,
    limits,
  };
}
