// The sessions of a shard that are in memory, over those that are published.
//
// (1) A session whose last record lies at or behind the position of what is pinned is resident: what is
//     not resident is, to the byte, what was published, or absent.
// (2) Nothing is folded or decided on a session that is not resident: `hold` brings it.
// (3) A session leaves only while it is idle: clean, and held by nobody.
// (4) What is pinned is exchanged only for what was published later, once the fold has passed it.
// (5) A session that is about to change while a snapshot still needs it is taken into the snapshot first.
//
// not resident -> idle    hold, let go      (loaded as it was published)
// idle <-> held           hold, letGo
// any -> dirty            sawRecord
// dirty -> idle or held   pin               (published, at a position behind its last record)
// idle -> not resident    evict

import { Problem } from '@tidemark/protocol';
import type { SessionState } from '@tidemark/session';
import { assert, present } from '@tidemark/std';
import { agendaOf } from './agenda.ts';
import type { Budget, SessionOwner } from './budget.ts';
import { type CatalogPlace, type CatalogRange, comparePlaces, entryOf } from './catalog.ts';
import { CatalogTail } from './catalog-tail.ts';
import { EventIndex } from './event-index.ts';
import { FoldedSession } from './folded-session.ts';
import type { PublishedSessions } from './published.ts';
import { costOf } from './state-cost.ts';
import { decodeSession, encodeSession, type StoredSession } from './stored-session.ts';
import {
  standingOf,
  type UsageRange,
  type UsageRow,
  usageBounds,
  usageRowsOf,
} from './usage-rows.ts';

interface TableParts {
  readonly budget: Budget;
  /** What a session is before its first record. */
  readonly absent: (key: string) => SessionState;
  readonly onLoaded: (session: FoldedSession) => void;
}

export class SessionTable implements SessionOwner<FoldedSession> {
  readonly #parts: TableParts;
  readonly #sessions = new Map<string, FoldedSession>();
  /** In the order in which they became so. */
  readonly #dirty = new Set<FoldedSession>();
  readonly #catalog = new CatalogTail();
  readonly #loading = new Map<string, Promise<void>>();
  #published: PublishedSessions | undefined;
  /** Changes whenever all that was loaded is void. */
  #life = 0;
  #snapshot: Snapshot | undefined;

  constructor(parts: TableParts) {
    this.#parts = parts;
  }

  get published(): PublishedSessions | undefined {
    return this.#published;
  }

  /** Those that are not published as they are. */
  dirty(): IterableIterator<FoldedSession> {
    return this.#dirty.values();
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** Those in memory, in no order that means anything. */
  residents(): IterableIterator<FoldedSession> {
    return this.#sessions.values();
  }

  resident(key: string): FoldedSession | undefined {
    return this.#sessions.get(key);
  }

  /** The session, held, where that needs no look-up: it is in memory, or nothing was ever published. */
  holdResident(key: string): FoldedSession | undefined {
    const session =
      this.#sessions.get(key) ?? (this.#published === undefined ? this.#add(key) : undefined);
    if (session !== undefined) this.pin(session);
    return session;
  }

  /** All of them, each held until it is let go; one look-up for those that are not in memory. */
  async hold(keys: readonly string[], signal: AbortSignal): Promise<readonly FoldedSession[]> {
    const held = new Map<string, FoldedSession>();
    try {
      let missing = this.#holdResidents(keys, held);
      while (missing.length > 0) {
        await this.#load(missing, signal);
        missing = this.#holdResidents(missing, held);
      }
    } catch (cause) {
      for (const session of held.values()) this.letGo(session);
      // What came for nobody does not stay.
      for (const key of keys) this.#restWhereLoose(this.#sessions.get(key));
      throw cause;
    }
    return keys.map((key) => present(held.get(key), 'a session that is held'));
  }

  /** Answers the keys of those that are not here. */
  #holdResidents(keys: readonly string[], held: Map<string, FoldedSession>): readonly string[] {
    const missing: string[] = [];
    for (const key of keys) {
      const session = held.has(key) ? undefined : this.holdResident(key);
      if (session !== undefined) held.set(key, session);
      else if (!held.has(key)) missing.push(key);
    }
    return missing;
  }

  pin(session: FoldedSession): void {
    assert(session.isResident, 'only what is in memory can be held there');
    session.pins += 1;
    if (session.pins === 1) this.#parts.budget.setBusy(session);
  }

  letGo(session: FoldedSession): void {
    assert(session.pins > 0, 'what is let go was held');
    session.pins -= 1;
    this.#restWhereLoose(session);
  }

  evict(session: FoldedSession): void {
    assert(session.pins === 0 && !session.isDirty, 'only what is idle leaves memory');
    this.#forget(session);
    this.#sessions.delete(session.key);
  }

  /** Its next record was folded at an offset. */
  sawRecord(session: FoldedSession, offset: number): void {
    if (!session.isDirty) this.#dirty.add(session);
    session.dirtyAt = offset;
    this.#catalog.changed(session);
    this.#charge(session);
  }

  /** What is kept of it may have grown. */
  #charge(session: FoldedSession): void {
    const bytes = costOf(session.state) + (session.events?.costBytes ?? 0);
    const grown = bytes - session.chargedBytes;
    session.chargedBytes = bytes;
    if (grown !== 0) this.#parts.budget.chargeSession(grown);
  }

  /** Before a record changes the session: invariant 5. */
  willChange(session: FoldedSession): void {
    this.#snapshot?.take(session);
  }

  /** From here on what is not resident is looked up there: invariant 4. */
  pinPublished(published: PublishedSessions): void {
    this.#published = published;
    const end = Number(published.at.position);
    for (const session of this.#dirty) {
      session.indexed = indexedBelow(session, end);
      if (session.dirtyAt >= end) continue;
      this.#dirty.delete(session);
      this.#catalog.remove(session);
      session.dirtyAt = -1;
      this.#restWhereLoose(session);
    }
  }

  /** Keys of what is held. */
  heldKeys(): string[] {
    return [...this.#sessions.values()].filter(({ pins }) => pins > 0).map(({ key }) => key);
  }

  /**
   * Begins again with what was published: all that was folded here is void. What is held stays what
   * it is for its holders, in the state that it was published in.
   */
  restart(published: PublishedSessions, found: ReadonlyMap<string, Uint8Array>): void {
    this.#life += 1;
    this.#snapshot?.end();
    this.#published = published;
    this.#dirty.clear();
    this.#catalog.clear();
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) this.#forget(session);
    this.#sessions.clear();
    for (const session of sessions) {
      if (session.pins === 0) continue;
      session.isResident = true;
      session.dirtyAt = -1;
      this.#sessions.set(session.key, session);
      this.#restore(session, this.#decode(session.key, found.get(session.key)));
    }
  }

  /** Nothing is held and nothing is kept: the next restart brings what is published. */
  clear(): void {
    this.#life += 1;
    this.#snapshot?.end();
    for (const session of this.#sessions.values()) this.#forget(session);
    this.#sessions.clear();
    this.#dirty.clear();
    this.#catalog.clear();
  }

  /** All that is not published yet, as it is now, while the fold goes on. */
  snapshot(): Snapshot {
    assert(this.#snapshot === undefined, 'one snapshot at a time');
    const snapshot = new Snapshot([...this.#dirty], () => {
      if (this.#snapshot === snapshot) this.#snapshot = undefined;
    });
    this.#snapshot = snapshot;
    return snapshot;
  }

  async *scan(prefix: string, signal: AbortSignal): AsyncGenerator<SessionState> {
    const published = this.#published;
    const own = published === undefined ? this.#sessions.values() : this.#dirty;
    const fresh = [...own].filter(({ key, isAbsent }) => !isAbsent && key.startsWith(prefix));
    for (const { state } of fresh) yield state;
    if (published === undefined) return;
    const seen = new Set(fresh.map(({ key }) => key));
    for await (const [key, bytes] of published.scan({ prefix }, signal)) {
      if (seen.has(key)) continue;
      const state = this.#sessions.get(key)?.state ?? this.#decode(key, bytes)?.state;
      if (state !== undefined) yield state;
    }
  }

  /**
   * The first so many places on a shelf: of what is published, and of what is not yet. Some may not belong
   * there any more: whoever lists looks at the session.
   */
  async catalog(
    range: CatalogRange,
    countMax: number,
    signal: AbortSignal,
  ): Promise<readonly CatalogPlace[]> {
    const fresh = this.#catalog.take(range, countMax);
    const places: CatalogPlace[] = [];
    const sign = range.order === 'asc' ? 1 : -1;
    let next = 0;
    const takeUpTo = (place: CatalogPlace): void => {
      for (let at = fresh[next]; at !== undefined; at = fresh[next]) {
        const compared = sign * comparePlaces(at, place);
        if (compared > 0) return;
        if (compared < 0) places.push(at);
        next += 1;
      }
    };
    for await (const place of this.#published?.catalog(range, signal) ?? []) {
      takeUpTo(place);
      places.push(place);
      if (places.length >= countMax) return places.slice(0, countMax);
    }
    return [...places, ...fresh.slice(next)].slice(0, countMax);
  }

  /** What sessions have taken in by days, in order of their rows: as published, and what came since. */
  async *usage(range: UsageRange, signal: AbortSignal): AsyncGenerator<UsageRow> {
    const published = this.#published;
    const own = published === undefined ? this.#sessions.values() : this.#dirty;
    const { from, before } = usageBounds(range);
    const fresh = [...own]
      .filter(({ state }) => state.tenant === range.tenant)
      .flatMap(({ state, key }) => usageRowsOf(state, state, key))
      .filter(({ row }) => row >= from && row < before)
      .sort((one, other) => (one.row < other.row ? -1 : 1));
    let next = 0;
    for await (const old of published?.usage(range, signal) ?? []) {
      for (let at = fresh[next]; at !== undefined && at.row < old.row; at = fresh[next]) {
        yield at;
        next += 1;
      }
      if (fresh[next]?.row !== old.row) yield old;
    }
    yield* fresh.slice(next);
  }

  #add(key: string): FoldedSession {
    const session = new FoldedSession(key, this.#parts.absent(key));
    this.#sessions.set(key, session);
    this.#charge(session);
    return session;
  }

  /** Nobody holds it: it may go, once it is published. */
  #restWhereLoose(session: FoldedSession | undefined): void {
    if (session === undefined || session.pins > 0 || !session.isResident) return;
    if (session.isDirty) return;
    if (session.isAbsent) {
      this.#forget(session);
      this.#sessions.delete(session.key);
    } else if (this.#published !== undefined) {
      this.#parts.budget.setIdle(session, this);
    }
  }

  #forget(session: FoldedSession): void {
    const { budget } = this.#parts;
    budget.setBusy(session);
    session.events?.discard();
    session.events = undefined;
    session.isResident = false;
    budget.chargeSession(-session.chargedBytes);
    session.chargedBytes = 0;
  }

  /** Each key is looked up once, however many ask for it. */
  async #load(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const fresh = keys.filter((key) => !this.#loading.has(key));
    if (fresh.length > 0) {
      const loaded = this.#loadFresh(fresh, signal);
      for (const key of fresh) this.#loading.set(key, loaded);
      const forget = (): void => {
        for (const key of fresh) this.#loading.delete(key);
      };
      loaded.then(forget, forget);
    }
    const loads = new Set<Promise<void>>();
    for (const key of keys) loads.add(this.#loading.get(key) ?? Promise.resolve());
    await Promise.all(loads);
  }

  async #loadFresh(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const life = this.#life;
    const published = present(this.#published, 'something to look sessions up in');
    const found = await published.load(keys, signal);
    if (life !== this.#life) return;
    const decoded = keys.map((key) => [key, this.#decode(key, found.get(key))] as const);
    for (const [key, stored] of decoded) {
      assert(!this.#sessions.has(key), 'a session that is being loaded is not resident');
      this.#restore(this.#add(key), stored);
    }
  }

  #decode(key: string, bytes: Uint8Array | undefined): StoredSession | undefined {
    if (bytes === undefined) return undefined;
    const stored = decodeSession(this.#parts.absent(key), bytes);
    if (stored === undefined) throw new Problem('corrupt', 'a published session does not decode');
    return stored;
  }

  #restore(session: FoldedSession, stored: StoredSession | undefined): void {
    Object.assign(session.state, stored?.state ?? this.#parts.absent(session.key));
    session.publishedDueMs = agendaOf(session.state);
    session.publishedEntry = entryOf(session.state);
    session.publishedUsage = standingOf(session.state);
    session.indexed = indexedOf(session.state);
    const { stream } = session.state;
    if (stream !== undefined) {
      const { origin, isJson } = stream;
      const first = { seq: origin?.seq ?? 0, position: origin?.position ?? 0, isJson };
      session.events = EventIndex.restored(this.#parts.budget, first, stored?.runs ?? []);
      assert(session.events.endSeq === stream.tailSeq, 'every event of a session is somewhere');
    }
    this.#charge(session);
    if (stored !== undefined) this.#parts.onLoaded(session);
  }
}

/**
 * What of a session is in the index of what was published at a position. Of an incarnation that has nothing
 * there, the one before stays named: its end may not be published yet.
 */
function indexedBelow(
  { state, events, indexed, dirtyAt }: FoldedSession,
  end: number,
): FoldedSession['indexed'] {
  if (dirtyAt < end) return indexedOf(state);
  const { stream } = state;
  if (stream === undefined || events === undefined) return indexed;
  const endSeq = events.firstSeqFrom(end);
  const { incarnation } = stream;
  return endSeq > events.firstSeq || indexed?.incarnation === incarnation
    ? { incarnation, endSeq }
    : indexed;
}

/** What a session has once it is published as it is. */
export const indexedOf = ({ stream }: SessionState): FoldedSession['indexed'] =>
  stream && { incarnation: stream.incarnation, endSeq: stream.tailSeq };

/** Sessions as they were when it was taken, encoded at the latest before they change. */
export class Snapshot {
  /** By key, in the order of their bytes. */
  readonly sessions: readonly FoldedSession[];
  readonly #pending: Set<FoldedSession>;
  readonly #encoded = new Map<FoldedSession, Uint8Array>();
  readonly #onEnd: () => void;
  isOver = false;

  constructor(sessions: readonly FoldedSession[], onEnd: () => void) {
    this.sessions = [...sessions].sort((one, other) =>
      Buffer.compare(one.keyBytes, other.keyBytes),
    );
    this.#pending = new Set(sessions);
    this.#onEnd = onEnd;
  }

  take(session: FoldedSession): void {
    if (!this.#pending.delete(session)) return;
    this.#encoded.set(session, encodeSession(session.state, session.events?.stored() ?? []));
  }

  *entries(): Generator<{ readonly session: FoldedSession; readonly encoded: Uint8Array }> {
    for (const session of this.sessions) {
      if (this.isOver) throw new Problem('unavailable', 'what was to be published is void');
      this.take(session);
      const encoded = present(this.#encoded.get(session), 'a session that was taken');
      this.#encoded.delete(session);
      yield { session, encoded };
    }
    this.end();
  }

  /** What is not taken yet cannot be had any more. */
  end(): void {
    this.isOver = true;
    this.#pending.clear();
    this.#encoded.clear();
    this.#onEnd();
  }
}
