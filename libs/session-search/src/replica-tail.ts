// The index of a tenant's events in one shard that are in no published table.
//
// (1) It is made by whoever searches first, and goes when nobody has searched for a while.
// (2) `update` brings it up to what is folded, and to what is published: then an event is in it exactly if it
//     is in none of the tables of the manifest that is pinned.

import type { FoldedSession, SessionReader, ShardReplica } from '@tidemark/replica';
import { SearchTail, sessionKey } from '@tidemark/search';
import { EventReader } from './indexed-events.ts';

/** Bodies that are read at once. */
const stepBytes = 256 * 1_024;

export interface TailParts {
  readonly replica: ShardReplica;
  readonly tenant: string;
  readonly reader: SessionReader;
  readonly bytesMax: number;
  readonly rest: () => Promise<void>;
}

interface Held {
  readonly key: string;
  readonly incarnation: string;
  readonly events: EventReader;
  /** Up to where its events are here. */
  endSeq: number;
}

export class ReplicaTail {
  readonly #parts: TailParts;
  readonly #unlisten: () => void;
  #tail: SearchTail;
  /** By the key that the index knows a session by. */
  readonly #held = new Map<string, Held>();
  /** What was changed since it was looked at last; all that is not published, at first. */
  #changed = new Set<FoldedSession>();
  #isNew = true;
  #reconciled: ShardReplica['fold']['table']['published'];
  #updating: Promise<void> | undefined;
  #adds = 0n;

  constructor(parts: TailParts) {
    this.#parts = parts;
    this.#tail = new SearchTail({ bytesMax: parts.bytesMax });
    this.#unlisten = parts.replica.feed.listen({
      step: (changed) => {
        for (const session of changed) if (this.#isOurs(session)) this.#changed.add(session);
      },
      begun: () => this.#beginAnew(),
    });
  }

  get tail(): SearchTail {
    return this.#tail;
  }

  close(): void {
    this.#unlisten();
  }

  #isOurs({ state }: FoldedSession): boolean {
    return state.tenant === this.#parts.tenant && !state.name.startsWith('$');
  }

  #beginAnew(): void {
    this.#tail = new SearchTail({ bytesMax: this.#parts.bytesMax });
    this.#held.clear();
    this.#changed.clear();
    this.#isNew = true;
    this.#reconciled = undefined;
  }

  /** One at a time: who comes meanwhile waits for one that begins after it came. */
  async update(): Promise<void> {
    while (this.#updating !== undefined) await this.#updating;
    this.#updating = this.#update().finally(() => {
      this.#updating = undefined;
    });
    await this.#updating;
  }

  async #update(): Promise<void> {
    const { replica, rest } = this.#parts;
    if (this.#isNew) {
      this.#isNew = false;
      for (const session of replica.fold.table.dirty()) {
        if (this.#isOurs(session)) this.#changed.add(session);
      }
    }
    while (this.#changed.size > 0) {
      const [session] = this.#changed;
      if (session === undefined) break;
      this.#changed.delete(session);
      await this.#take(session);
    }
    await this.#tail.settle(rest);
    this.reconcile();
  }

  /** Drops what is published by now. Costs nothing where nothing was. */
  reconcile(): void {
    const { table } = this.#parts.replica.fold;
    if (this.#reconciled === table.published) return;
    this.#reconciled = table.published;
    for (const [name, { key, incarnation }] of this.#held) {
      const session = table.resident(key);
      // What is not in memory is published whole.
      const indexed = session === undefined ? undefined : session.indexed;
      const isWhole = session === undefined || session.state.stream?.incarnation !== incarnation;
      const isSame = indexed?.incarnation === incarnation;
      if (isWhole) this.#forget(name);
      else if (isSame) this.#tail.remove(name, indexed.endSeq);
    }
  }

  #forget(name: string): void {
    this.#held.delete(name);
    this.#tail.remove(name);
  }

  async #take(session: FoldedSession): Promise<void> {
    const { key, state } = session;
    const { stream } = state;
    for (const [name, held] of this.#held) {
      if (held.key === key && held.incarnation !== stream?.incarnation) this.#forget(name);
    }
    if (stream?.isJson !== true || session.events === undefined || !session.isDirty) return;
    const { incarnation } = stream;
    const name = sessionKey(key, incarnation);
    const held = this.#held.get(name) ?? this.#hold(session, incarnation);
    // What was published before it came here is in a table.
    held.endSeq = Math.max(held.endSeq, publishedEnd(session, incarnation));
    const { replica, reader, rest } = this.#parts;
    await replica.with(key, async (opened) => {
      for (;;) {
        const now = opened.state.stream;
        if (now?.incarnation !== incarnation || held.endSeq >= now.tailSeq) return;
        held.endSeq = Math.max(held.endSeq, now.aspects.keeping.head.seq);
        if (held.endSeq >= now.tailSeq) return;
        const eventsMax = now.tailSeq - held.endSeq;
        const bounds = { position: held.endSeq, bytesMax: stepBytes, eventsMax };
        const range =
          reader.readHot(opened, bounds) ??
          (await reader.read({ replica, session: opened }, bounds));
        for (const body of range.split()) {
          const event = held.events.read(held.endSeq, body);
          held.endSeq += 1;
          if (event === undefined) continue;
          this.#adds += 1n;
          this.#tail.add({ ...event, offset: this.#adds });
        }
        await rest();
      }
    });
  }

  #hold({ key, events }: FoldedSession, incarnation: string): Held {
    const name = sessionKey(key, incarnation);
    const endSeq = events?.firstSeq ?? 0;
    const held = { key, incarnation, events: new EventReader(name), endSeq };
    this.#held.set(name, held);
    return held;
  }
}

const publishedEnd = ({ indexed }: FoldedSession, incarnation: string): number =>
  indexed?.incarnation === incarnation ? indexed.endSeq : 0;
