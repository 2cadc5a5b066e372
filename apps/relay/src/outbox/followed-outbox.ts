// The outbox of one session as this process follows it: what of its events is to be delivered next.

import { runEventAt, type ToldEvent, wants } from '@tidemark/agents-api';
import type { Clock, Timer } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import type { FoldedSession, Located, Shards, Tenant } from '@tidemark/replica';
import {
  type Destination,
  type DestinationState,
  eventIdAt,
  hasRoomIn,
  isWaiting,
  liveStream,
  owesDelivery,
  type StreamState,
} from '@tidemark/session';
import type { SharedConfigs } from './shared-configs.ts';

/** Events that are looked at in one step, and in one read. */
const scanMax = 4_096;
const readMax = 128;

/** How far a destination's events were looked through. */
interface Scan {
  readonly filter: string;
  /** All below was looked at ... */
  readonly seenSeq: number;
  /** ... and the first that is wanted is this one. */
  readonly foundSeq: number | undefined;
}

/** A delivery that can be tried now. */
export interface Due {
  readonly config: Destination;
  readonly seq: number;
  readonly attempts: number;
  /** The first attempt: the cursor passes it. */
  readonly isNew: boolean;
}

export interface Looked {
  readonly generation: number;
  readonly holder: string | undefined;
  readonly due: readonly Due[];
  /** When the next of those that wait is due. */
  readonly nextAtMs: number | undefined;
  /** Cursors that may be moved on over what nobody wants. */
  readonly passes: readonly { readonly destination: string; readonly cursorSeq: number }[];
  /** There is more to look through. */
  readonly isMore: boolean;
  /** Nothing will ever be owed again. */
  readonly isOver: boolean;
}

/** What is posted of a delivery that is due. */
export interface Letter {
  readonly eventId: string;
  /** Undefined where the session keeps it no more. */
  readonly event: ToldEvent | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface OutboxParts {
  readonly shards: Shards;
  readonly configs: SharedConfigs;
  readonly clock: Clock;
}

interface Now {
  readonly session: FoldedSession;
  readonly stream: StreamState;
}

export class FollowedOutbox {
  readonly tenant: Tenant;
  readonly located: Located;
  /** Destinations that something is on its way to. */
  readonly underWay = new Set<string>();
  readonly #parts: OutboxParts;
  readonly #scans = new Map<string, Scan>();
  /** Since when something is seen to be due, by what it is. */
  readonly #dueSince = new Map<string, { readonly what: string; readonly atMs: number }>();
  #timer: Timer | undefined;

  constructor(parts: OutboxParts, tenant: Tenant, name: string) {
    this.#parts = parts;
    this.tenant = tenant;
    this.located = parts.shards.locate(tenant, name);
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined || this.underWay.size > 0;
  }

  /** Undefined where there is nothing to be delivered of, now and until it is told of again. */
  look(): Promise<Looked | undefined> {
    return this.#with(async (now) => {
      const { outbox, lifecycle } = now.stream.aspects;
      if (outbox.destinations.length === 0) return undefined;
      this.#forgetAllBut(outbox.destinations);
      const isEnded = now.stream.isClosed || lifecycle.archivedAtMs !== undefined;
      const looks: Look[] = [];
      for (const destination of outbox.destinations) {
        looks.push(await this.#lookAt(now, destination, isEnded));
      }
      const times = looks.map(({ nextAtMs }) => nextAtMs ?? Infinity);
      const nextAtMs = Math.min(...times);
      return {
        generation: outbox.generation,
        holder: outbox.holder,
        due: looks.flatMap(({ due }) => due ?? []),
        passes: looks.flatMap(({ pass }) => pass ?? []),
        isMore: looks.some(({ isMore }) => isMore),
        nextAtMs: nextAtMs === Infinity ? undefined : nextAtMs,
        isOver: isEnded && !owesDelivery(outbox, now.stream.tailSeq),
      };
    });
  }

  /** What is due of one destination now, with what is posted of it. */
  letter(id: string): Promise<(Looked & { readonly letter?: Letter | undefined }) | undefined> {
    return this.#with(async (now) => {
      const { outbox } = now.stream.aspects;
      const destination = outbox.destinations.find((each) => each.id === id);
      if (destination === undefined) return undefined;
      const { due, isMore, nextAtMs } = await this.#lookAt(now, destination, false);
      const { generation, holder } = outbox;
      const looked = { generation, holder, passes: [], isMore, nextAtMs, isOver: false };
      if (due === undefined) return { ...looked, due: [] };
      return { ...looked, due: [due], letter: await this.#letterAt(now, due.seq) };
    });
  }

  /** For how long it has been seen that this is due, by this process's own clock. */
  dueForMs({ config, seq, attempts }: Due, { generation }: Looked): number {
    const what = `${seq}/${attempts}/${generation}`;
    const nowMs = this.#parts.clock.monotonicMs();
    const known = this.#dueSince.get(config.id);
    if (known?.what === what) return nowMs - known.atMs;
    this.#dueSince.set(config.id, { what, atMs: nowMs });
    return 0;
  }

  later(delayMs: number, run: () => void): void {
    this.quiet();
    this.#timer = this.#parts.clock.schedule(Math.ceil(delayMs), () => {
      this.#timer = undefined;
      run();
    });
  }

  quiet(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #with<T>(run: (now: Now) => Promise<T | undefined>): Promise<T | undefined> {
    const { replica, key } = this.located;
    return replica.with(key, (session) => {
      const stream = liveStream(session.state);
      const isThere = !(stream instanceof Problem) && stream.isJson;
      return isThere ? run({ session, stream }) : undefined;
    });
  }

  #forgetAllBut(destinations: readonly DestinationState[]): void {
    const ids = new Set(destinations.map(({ id }) => id));
    for (const known of [this.#scans, this.#dueSince]) {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    }
  }

  async #lookAt(now: Now, destination: DestinationState, isEnded: boolean): Promise<Look> {
    const config = await this.#parts.configs.enabled(this.tenant, destination);
    if (config === undefined) return { isMore: false };
    const waiting = destination.entries.filter(isWaiting);
    const nextAtMs = Math.min(...waiting.map((entry) => entry.nextAtMs ?? 0), Infinity);
    const entry = waiting.find((each) => (each.nextAtMs ?? 0) === nextAtMs);
    if (entry !== undefined && nextAtMs <= this.#parts.clock.nowMs()) {
      const { seq, attempts } = entry;
      return { due: { config, seq, attempts, isNew: false }, isMore: false };
    }
    const rest = nextAtMs === Infinity ? {} : { nextAtMs };
    if (!hasRoomIn(destination)) return { ...rest, isMore: false };
    const { seenSeq, foundSeq } = await this.#scan(now, { destination, config });
    if (foundSeq !== undefined) {
      return { due: { config, seq: foundSeq, attempts: 0, isNew: true }, isMore: false };
    }
    const isMore = seenSeq < now.stream.tailSeq;
    const isPassing = seenSeq - destination.cursorSeq >= (isEnded ? 1 : scanMax);
    const pass = isPassing ? { destination: destination.id, cursorSeq: seenSeq } : undefined;
    return { ...rest, isMore, pass };
  }

  /** Goes on to the first event that is wanted, for so many events. */
  async #scan(
    now: Now,
    {
      destination,
      config,
    }: { readonly destination: DestinationState; readonly config: Destination },
  ): Promise<Scan> {
    const { cursorSeq, id } = destination;
    const { tailSeq, incarnation, aspects } = now.stream;
    const firstSeq = Math.max(cursorSeq, aspects.keeping.head.seq);
    const filter = [incarnation, config.level, ...(config.types ?? ['*'])].join(' ');
    const known = this.#scans.get(id);
    const before = known?.filter === filter ? known : { foundSeq: undefined, seenSeq: cursorSeq };
    if (before.foundSeq !== undefined && before.foundSeq >= firstSeq) return { ...before, filter };
    let seenSeq = Math.max(before.seenSeq, firstSeq);
    const endSeq = Math.min(tailSeq, seenSeq + scanMax);
    let foundSeq: number | undefined;
    while (seenSeq < endSeq && foundSeq === undefined) {
      for (const event of await this.#events(now, seenSeq, Math.min(readMax, endSeq - seenSeq))) {
        seenSeq += 1;
        if (!wants(config, event)) continue;
        foundSeq = seenSeq - 1;
        break;
      }
    }
    const scan = { filter, seenSeq, foundSeq };
    this.#scans.set(id, scan);
    return scan;
  }

  async #events(
    { session, stream }: Now,
    position: number,
    eventsMax: number,
  ): Promise<readonly ToldEvent[]> {
    const { replica, name } = this.located;
    const bounds = { position, bytesMax: limits.readBytesMax, eventsMax };
    const { reader } = this.#parts.shards;
    const range =
      reader.readHot(session, bounds) ?? (await reader.read({ replica, session }, bounds));
    return range
      .split()
      .map((body, index) => runEventAt({ stream, session: name }, position + index, body));
  }

  async #letterAt(now: Now, seq: number): Promise<Letter> {
    const { profile, keeping } = now.stream.aspects;
    const [event] = seq < keeping.head.seq ? [] : await this.#events(now, seq, 1);
    const metadata = profile.run?.metadata ?? profile.metadata;
    return { eventId: eventIdAt(now.stream, seq), event, metadata };
  }
}

interface Look {
  readonly due?: Due;
  readonly nextAtMs?: number;
  readonly isMore: boolean;
  readonly pass?: { readonly destination: string; readonly cursorSeq: number } | undefined;
}
