// Indexes events beside a publication of their sessions.
//
// (1) What is indexed is what the manifest will say: events of an incarnation up to the seq that it had when
//     the snapshot was taken.
// (2) Tables are merged when there are many of one size, beside nothing: the publication waits, in steps.
// (3) What is over is named until no table is left that may hold it.

import type { Clock, ObjectStore } from '@tidemark/ports';
import { sleep } from '@tidemark/ports';
import type { SessionReader, ShardReplica } from '@tidemark/replica';
import type {
  EventSpan,
  IndexChange,
  IndexParts,
  PublicationIndexer,
  PublishedIndex,
} from '@tidemark/replica/publish';
import {
  Analyzer,
  mergeSearchTables,
  type SearchTable,
  SearchTableWriter,
  sessionKey,
} from '@tidemark/search';
import { Pace } from '@tidemark/std';
import type { TableStore } from '@tidemark/tables';
import { EventReader } from './indexed-events.ts';
import {
  emptyTenant,
  indexIn,
  objectsIn,
  type SessionIndex,
  type TenantIndex,
} from './session-index.ts';

/** What one table takes in memory while it is written. */
const writerBytesMax = 48 * 1_024 * 1_024;
/** Bodies that are read at once, and indexed before others have their turn. */
const stepBytes = 64 * 1_024;
/** Sessions whose events are read while those of another are indexed. */
const readAhead = 16;
/** So many tables of about one size become one. */
const fanIn = 8;
const tierFactor = 8;

export interface IndexerParts {
  readonly objects: ObjectStore;
  readonly tables: TableStore;
  readonly clock: Clock;
  readonly reader: SessionReader;
}

/** Events that follow one another. */
interface Step {
  readonly seq: number;
  readonly bodies: readonly Uint8Array[];
  readonly bytes: number;
}

interface Begun {
  readonly span: EventSpan;
  readonly first: Promise<Step | undefined>;
}

export class SessionIndexer implements PublicationIndexer {
  readonly #parts: IndexerParts;
  readonly #analyzer = new Analyzer();

  constructor(parts: IndexerParts) {
    this.#parts = parts;
  }

  async index(
    replica: ShardReplica,
    change: IndexChange,
    parts: IndexParts,
  ): Promise<PublishedIndex> {
    const before = indexIn(parts.before?.value);
    const tenants = new Map(Object.entries(before.tenants));
    for (const { tenant, key, incarnation } of change.ended) {
      const known = tenants.get(tenant);
      if (known === undefined) continue;
      const removed = [...new Set([...known.removed, sessionKey(key, incarnation)])];
      tenants.set(tenant, { ...known, removed });
    }
    for (const [tenant, spans] of byTenant(change.added)) {
      const written = await this.#write(replica, spans, parts);
      if (written.length === 0) continue;
      const known = tenants.get(tenant) ?? emptyTenant;
      const grown = { ...known, tables: [...known.tables, ...written] };
      tenants.set(tenant, await this.#merged(grown, parts));
    }
    const value: SessionIndex = { version: 1, tenants: Object.fromEntries(tenants) };
    return { value, objects: objectsIn(value) };
  }

  async #write(
    replica: ShardReplica,
    spans: readonly EventSpan[],
    parts: IndexParts,
  ): Promise<readonly SearchTable[]> {
    const written: SearchTable[] = [];
    let writer = new SearchTableWriter(this.#analyzer);
    const finish = async (): Promise<void> => {
      if (writer.documents === 0) return;
      written.push(await writer.finish(this.#parts.objects, this.#writeParts(parts)));
      writer = new SearchTableWriter(this.#analyzer);
    };
    const pace = new Pace(() => this.#rest(), stepBytes);
    for (const { span, first } of this.#begun(replica, spans)) {
      const events = new EventReader(sessionKey(span.key, span.incarnation));
      for (let step = await first; step !== undefined; ) {
        const { seq: firstSeq, bodies } = step;
        const indexed = bodies.flatMap((body, at) => events.read(firstSeq + at, body) ?? []);
        for (const event of indexed) writer.add(event);
        const seq = firstSeq + bodies.length;
        await pace.done(step.bytes);
        step = seq < span.endSeq ? await this.#read(replica, span, seq) : undefined;
      }
      if (writer.bytes >= writerBytesMax) await finish();
    }
    await finish();
    return written;
  }

  /** In order. What is not in memory is waited for: so a few are read while another is indexed. */
  *#begun(replica: ShardReplica, spans: readonly EventSpan[]): Generator<Begun> {
    const ahead: Begun[] = [];
    for (const span of spans) {
      const first = this.#read(replica, span, span.firstSeq);
      // Whoever stops at one that fails awaits no other.
      first.catch(() => undefined);
      ahead.push({ span, first });
      const next = ahead.length > readAhead ? ahead.shift() : undefined;
      if (next !== undefined) yield next;
    }
    yield* ahead;
  }

  #writeParts({ nameOf, signal }: IndexParts): {
    readonly nameOf: () => string;
    readonly rest: () => Promise<void>;
    readonly signal: AbortSignal;
  } {
    return { nameOf, rest: () => this.#rest(), signal };
  }

  #rest(): Promise<void> {
    return sleep(this.#parts.clock, 0);
  }

  /** Undefined where nothing of the span is left from there on. */
  #read(
    replica: ShardReplica,
    { key, incarnation, endSeq }: EventSpan,
    from: number,
  ): Promise<Step | undefined> {
    return replica.with(key, async (session) => {
      const { stream } = session.state;
      // What is over meanwhile is named by the next publication, whatever is in this one.
      if (stream?.incarnation !== incarnation) return undefined;
      const seq = Math.max(from, stream.aspects.keeping.head.seq);
      if (seq >= endSeq) return undefined;
      const bounds = { position: seq, bytesMax: stepBytes, eventsMax: endSeq - seq };
      const range = await this.#parts.reader.read({ replica, session }, bounds);
      const bodies = range.split();
      return { seq, bodies, bytes: bodies.reduce((sum, { length }) => sum + length, 0) };
    });
  }

  /** One table of the newest ones, where there are many of about one size. */
  async #merged(index: TenantIndex, parts: IndexParts): Promise<TenantIndex> {
    const { tables, removed } = index;
    const count = countToMerge(tables);
    if (count === 0) return index;
    const kept = tables.slice(0, -count);
    const removals = new Map(removed.map((key) => [key, Number.POSITIVE_INFINITY]));
    const { objects, tables: store } = this.#parts;
    const merged = await mergeSearchTables(
      { tables: store, objects },
      { sources: tables.slice(-count), removals },
      this.#writeParts(parts),
    );
    const isEmpty = merged.documents === 0;
    return {
      tables: isEmpty ? kept : [...kept, merged],
      removed: kept.length === 0 ? [] : removed,
    };
  }
}

function byTenant(spans: readonly EventSpan[]): ReadonlyMap<string, readonly EventSpan[]> {
  const grouped = new Map<string, EventSpan[]>();
  for (const span of spans) {
    const known = grouped.get(span.tenant);
    if (known === undefined) grouped.set(span.tenant, [span]);
    else known.push(span);
  }
  return grouped;
}

/** Of the newest, so many as are of about one size: enough of them to be worth it. */
export function countToMerge(tables: readonly Pick<SearchTable, 'documents'>[]): number {
  const sizes = tables.map(({ documents }) => Math.max(1, documents)).reverse();
  for (let count = sizes.length; count >= fanIn; count -= 1) {
    const newest = sizes.slice(0, count);
    const smallest = Math.min(...newest.slice(-fanIn));
    if (Math.max(...newest) <= tierFactor * smallest) return count;
  }
  return sizes.length >= 4 * fanIn ? sizes.length : 0;
}
