// Reads one session's events: its own, and before them what its ancestors had where it left them. It
// joins runs of all kinds, so that nobody above knows which events are in memory, in the log, or in a
// segment.

import type { Clock, EventLog } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { behindHead, type Head, redactedBody, type SessionState } from '@tidemark/session';
import { present } from '@tidemark/std';
import type { Budget } from './budget.ts';
import { type EventArchive, glanceEventsMax } from './event-archive.ts';
import type { EventIndex } from './event-index.ts';
import type { EventRun } from './event-run.ts';
import type { FoldedSession } from './folded-session.ts';
import { readRun } from './log-run.ts';
import { unpackOffsets } from './packed-offsets.ts';
import { Page, type PageSlice, type PageStart } from './page.ts';
import type { ShardReplica } from './shard-replica.ts';

/** Finds the session that a fork left, folded at least to where it left it, and held. */
export type SourceFinder = (fork: FoldedSession) => Promise<HeldSession>;

export interface LocatedSession {
  readonly replica: ShardReplica;
  readonly session: FoldedSession;
}

export interface HeldSession extends LocatedSession {
  readonly letGo: () => void;
}

export interface EventRange {
  /** As they are served, one behind the other; each JSON event ends with a comma. */
  readonly bodies: readonly Uint8Array[];
  readonly endPosition: number;
  readonly endSeq: number;
  /** As they were appended, each event's own. */
  readonly split: () => readonly Uint8Array[];
}

export interface LentRange extends EventRange {
  /**
   * Whoever asked is done with its bodies, and looks at them no more. What was fetched for nobody else goes: a session
   * that is read once leaves the memory as it was. What is read again stays.
   */
  readonly letGo: () => void;
}

export interface ReadBounds {
  readonly position: number;
  readonly bytesMax: number;
  readonly eventsMax: number;
  /** What is wanted next: so much is fetched beside it. */
  readonly aheadBytes?: number;
}

interface Source extends LocatedSession {
  readonly incarnation: string;
  readonly endPosition: number;
}

/** Of the incarnation that is read, as they are now: a reload gives a session another index. */
function eventsOf({ session, incarnation }: Source): EventIndex {
  const { events, state } = session;
  if (events !== undefined && state.stream?.incarnation === incarnation) return events;
  throw new Problem('session-not-found', 'deleted while it was read');
}

interface ReaderParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly archive: EventArchive;
}

/** Of what one read wants, beside the run that is wanted now: an archive brings them in one request. */
const aheadBytesMax = 16 * 1_024 * 1_024;
const glancedBytesMin = 65_536;
/** Whoever looks into a run that often is better served by its page. */
const glancesMax = 4;

interface TakenPage {
  readonly page: Page;
  readonly run: EventRun;
  readonly events: EventIndex;
}

/** Takes bodies until a bound is met. */
class Gathering {
  readonly bodies: Uint8Array[] = [];
  readonly #slices: PageSlice[] = [];
  position: number;
  endSeq = 0;
  #bytesLeft: number;
  #eventsLeft: number;
  readonly #aheadBytes: number | undefined;
  #isFull = false;
  readonly taken: TakenPage[] = [];

  constructor({ position, bytesMax, eventsMax, aheadBytes }: ReadBounds) {
    this.position = position;
    this.#aheadBytes = aheadBytes;
    this.#bytesLeft = bytesMax;
    this.#eventsLeft = eventsMax;
  }

  /** What is wanted soon. */
  get ahead(): { readonly bytes: number; readonly events: number } {
    if (this.#aheadBytes !== undefined) return { bytes: this.#aheadBytes, events: Infinity };
    return { bytes: this.#bytesLeft, events: this.#eventsLeft };
  }

  get isFull(): boolean {
    // One event at least is read, whatever its size.
    const hasEnough = this.bodies.length > 0 && this.#bytesLeft <= 0;
    return this.#isFull || hasEnough || this.#eventsLeft <= 0;
  }

  /** What the page has of it, up to where the source was left. */
  take(page: Page, endPosition: number): void {
    const slice = page.slice({
      position: this.position,
      endPosition,
      bytesMax: this.#bytesLeft,
      eventsMax: this.#eventsLeft,
      takesOne: this.bodies.length === 0,
    });
    if (slice === undefined) {
      this.#isFull = true;
      return;
    }
    this.bodies.push(slice.bytes);
    this.#slices.push(slice);
    this.#bytesLeft -= slice.bytes.length;
    this.#eventsLeft -= slice.events;
    this.position = slice.endPosition;
    this.endSeq = slice.endSeq;
    this.#isFull = slice.endPosition < Math.min(endPosition, page.endPosition);
  }

  get range(): EventRange {
    return {
      bodies: this.bodies,
      endPosition: this.position,
      endSeq: this.endSeq,
      split: () => this.#slices.flatMap((slice) => slice.split()),
    };
  }
}

export class SessionReader {
  readonly #parts: ReaderParts;
  readonly #budget: Budget;
  readonly #findSource: SourceFinder;
  readonly #restoring = new Map<EventRun, Promise<Page>>();
  /** How often a few events of a run were fetched, since its page was. */
  readonly #glances = new WeakMap<EventRun, number>();
  /** Read once, and let go. */
  readonly #passed = new WeakSet<EventRun>();

  constructor(parts: ReaderParts, budget: Budget, findSource: SourceFinder) {
    this.#parts = parts;
    this.#budget = budget;
    this.#findSource = findSource;
  }

  /** What is hot and the session's own, at once; undefined where it has to be fetched. */
  readHot({ events, state }: FoldedSession, bounds: ReadBounds): EventRange | undefined {
    if (events === undefined || bounds.position < events.firstPosition) return undefined;
    if (bounds.position < headOf(state).position) return undefined;
    const gathering = new Gathering(bounds);
    while (!gathering.isFull && gathering.position < events.endPosition) {
      const run = events.runAt(gathering.position);
      if (run?.page === undefined) return undefined;
      this.#budget.touchBodies(run);
      gathering.take(run.page, events.endPosition);
    }
    if (gathering.bodies.length === 0) {
      const { position } = bounds;
      return nothingAt(position, events.endSeq);
    }
    return gathering.range;
  }

  /** Rejects with `behind-head` where some of it is kept no more. */
  read(located: LocatedSession, bounds: ReadBounds): Promise<EventRange> {
    return this.lend(located, bounds);
  }

  /** As `read`, for somebody who says when it is done with what it got. */
  lend(located: LocatedSession, bounds: ReadBounds): Promise<LentRange> {
    return this.#inSources(located, bounds.position, async (sources) => {
      const gathering = new Gathering(bounds);
      for (const source of sources) {
        if (gathering.position > source.endPosition) continue;
        const end = await this.#gather(source, gathering);
        if (gathering.isFull || gathering.position < end) break;
      }
      const { taken } = gathering;
      const letGo = (): void => this.#letGo(taken);
      if (gathering.bodies.length > 0) return { ...gathering.range, letGo };
      const endSeq = await this.#seqAt(sources, bounds.position);
      return { ...nothingAt(bounds.position, endSeq), letGo };
    });
  }

  #letGo(taken: readonly TakenPage[]): void {
    for (const { page, run, events } of taken) {
      const isStill = run.page === page && events.runAt(run.start.position) === run;
      if (!isStill || this.#passed.has(run) || !page.freeSeenOnce()) continue;
      this.#passed.add(run);
      this.#budget.releaseBodies(run);
      events.cool(run);
    }
  }

  /** Runs that are wanted as well are fetched beside the first of them: what is cold comes at once. */
  #readAhead(
    source: Source,
    from: EventRun,
    left: { readonly bytes: number; readonly events: number },
  ): void {
    const { session, incarnation } = source;
    const { events, state } = session;
    // It may have been deleted meanwhile.
    if (events === undefined || state.stream?.incarnation !== incarnation) return;
    let [bytes, count] = [Math.min(left.bytes, aheadBytesMax), left.events];
    let run = from;
    for (;;) {
      bytes -= run.lengthBytes;
      count -= run.count;
      const next = events.runAt(run.endPosition);
      const isWanted = next !== undefined && next !== run && bytes > 0 && count > 0;
      const isCold = next?.page === undefined && next?.endPosition !== undefined;
      if (!isWanted || !isCold || next.endPosition > source.endPosition) return;
      // One that is altered is read anew each time.
      if (isAltered(state, next)) return;
      this.#pageOf(source, next).catch(() => undefined);
      run = next;
    }
  }

  /** Returns how far the source goes. */
  async #gather(source: Source, gathering: Gathering): Promise<number> {
    for (;;) {
      const end = Math.min(source.endPosition, eventsOf(source).endPosition);
      if (gathering.isFull || gathering.position >= end) return end;
      const { position } = gathering;
      const run = present(eventsOf(source).runAt(position), 'run of an event');
      checkHead(source, position);
      const { ahead } = gathering;
      const isGlance = this.#isGlance(source, run, ahead.events);
      const coming = isGlance
        ? this.#glance(source, run, { position, eventsMax: ahead.events })
        : this.#pageOf(source, run);
      // A turn later: what asking for more costs here would keep what is wanted first.
      if (run.page === undefined) setImmediate(() => this.#readAhead(source, run, ahead));
      const page = (await coming) ?? (await this.#pageOf(source, run));
      checkHead(source, position);
      if (page.isFreed) continue;
      gathering.take(page, end);
      gathering.taken.push({ page, run, events: eventsOf(source) });
    }
  }

  /** The seq of the first event that begins at a position or behind it. */
  seqAfter(located: LocatedSession, position: number): Promise<number> {
    return this.#inSources(located, position, async (sources) => {
      const source = sources.find(({ endPosition }) => position <= endPosition);
      if (source === undefined) return 0;
      return this.#seqIn(source, position, (page) => {
        const seq = page.seqAt(position);
        return page.positionOf(seq) < position ? seq + 1 : seq;
      });
    });
  }

  async #seqAt(sources: readonly Source[], position: number): Promise<number> {
    const source = sources.findLast((each) => eventsOf(each).firstPosition <= position);
    return source === undefined ? 0 : this.#seqIn(source, position, (page) => page.seqAt(position));
  }

  /** As the page tells, where the position lies in one; the next seq where it lies behind all. */
  async #seqIn(source: Source, position: number, tell: (page: Page) => number): Promise<number> {
    const run = eventsOf(source).runAt(position);
    if (run === undefined) return eventsOf(source).firstSeq;
    if (position >= run.endPosition) return run.endSeq;
    return tell(await this.#pageOf(source, run));
  }

  /** The position at which an event begins, wherever in the lineage it lies. */
  positionOf(located: LocatedSession, seq: number): Promise<number> {
    return this.#inSources(located, 0, async (sources) => {
      const source = sources.findLast((each) => eventsOf(each).firstSeq <= seq);
      if (source === undefined) return 0;
      const run = eventsOf(source).runOf(seq);
      if (run === undefined) return eventsOf(source).firstPosition;
      if (seq >= run.endSeq) return Math.min(run.endPosition, source.endPosition);
      const { isJson, position, seq: firstSeq } = run.start;
      if (isJson) return Math.min(position + (seq - firstSeq), source.endPosition);
      const page = await this.#pageOf(source, run);
      return Math.min(page.positionOf(seq), source.endPosition);
    });
  }

  /** Where the event that a position lies in, or begins, ends. */
  async boundaryAfter(located: LocatedSession, position: number): Promise<number> {
    const { endPosition } = await this.read(located, { position, bytesMax: 0, eventsMax: 1 });
    return endPosition;
  }

  /** Runs with those whose events the read may need, oldest ancestor first, all of them held. */
  async #inSources<T>(
    located: LocatedSession,
    position: number,
    run: (sources: readonly Source[]) => Promise<T>,
  ): Promise<T> {
    const held: HeldSession[] = [];
    try {
      return await run(await this.#sourcesFrom(located, position, held));
    } finally {
      for (const source of held) source.letGo();
    }
  }

  async #sourcesFrom(
    located: LocatedSession,
    position: number,
    held: HeldSession[],
  ): Promise<readonly Source[]> {
    const sources: Source[] = [];
    let at: LocatedSession = located;
    let endPosition = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const { events, state } = at.session;
      if (events === undefined || state.stream === undefined) {
        throw new Problem('session-not-found', 'deleted while it was read');
      }
      const { origin, incarnation } = state.stream;
      // A fork that was left before its first own event has nothing to add.
      if (events.firstPosition < endPosition) sources.unshift({ ...at, incarnation, endPosition });
      if (origin === undefined || position >= events.firstPosition) return sources;
      endPosition = Math.min(endPosition, origin.position);
      const source = await this.#findSource(at.session);
      held.push(source);
      at = source;
    }
  }

  /** Whether so few events are wanted of a run that they are fetched by themselves. */
  #isGlance({ session }: Source, run: EventRun, eventsMax: number): boolean {
    const isAtHand = run.page !== undefined || this.#restoring.has(run);
    const isLarge = run.start.isJson && run.lengthBytes >= glancedBytesMin;
    if (isAtHand || !isLarge || eventsMax > glanceEventsMax) return false;
    return (this.#glances.get(run) ?? 0) < glancesMax && !isAltered(session.state, run);
  }

  /** A page of no more than is wanted of a run; undefined where that was altered meanwhile. */
  async #glance(
    source: Source,
    run: EventRun,
    { position, eventsMax }: Pick<ReadBounds, 'position' | 'eventsMax'>,
  ): Promise<Page | undefined> {
    this.#glances.set(run, (this.#glances.get(run) ?? 0) + 1);
    const index = position - run.start.position;
    const page = new Page({ seq: run.start.seq + index, position, isJson: true });
    const offsets = unpackOffsets(run.offsets).slice(index, index + eventsMax);
    await this.#fetch(source, offsets, page);
    if (page.count !== offsets.length) throw corrupt();
    // Something was taken from it while it was fetched: what was fetched is not what is kept.
    return isAltered(source.session.state, run) ? undefined : page;
  }

  async #pageOf(source: Source, run: EventRun): Promise<Page> {
    if (run.page !== undefined) {
      this.#budget.touchBodies(run);
      return run.page;
    }
    const restoring = this.#restoring.get(run) ?? this.#restore(source, run);
    this.#restoring.set(run, restoring);
    try {
      return await restoring;
    } finally {
      this.#restoring.delete(run);
    }
  }

  /** Fetches the bodies of a run. They stay only where the run is still what it was. */
  async #restore(source: Source, run: EventRun): Promise<Page> {
    const { start, count, lengthBytes } = run;
    this.#glances.delete(run);
    const altered = keptOf(source.session.state, run);
    if (altered !== undefined) return this.#restoreKept(source, run, altered);
    const page = Page.sized(start, lengthBytes);
    await this.#fetch(source, unpackOffsets(run.offsets), page);
    // Something was taken from it while it was fetched: what was fetched is not what is kept.
    if (isAltered(source.session.state, run)) return this.#restore(source, run);
    if (page.count !== count || page.lengthBytes !== lengthBytes) throw corrupt();
    const events = source.session.events;
    const isStill = events?.runAt(start.position) === run && run.count === count;
    if (events !== undefined && isStill && run.page === undefined) {
      run.page = page;
      this.#budget.chargeBodies(run, events);
    }
    return page;
  }

  /** What is left of a run; it is read anew each time, as it is then. */
  async #restoreKept(source: Source, run: EventRun, { start, offsets }: KeptRun): Promise<Page> {
    const appended = new Page(start);
    await this.#fetch(source, offsets, appended);
    if (appended.count !== offsets.length) throw corrupt();
    // Of what was trimmed meanwhile the fold does not remember what was redacted in it.
    const isMoved = keptOf(source.session.state, run)?.start.seq !== start.seq;
    if (isMoved) return this.#restore(source, run);
    const { keeping } = source.session.state.stream?.aspects ?? {};
    const page = new Page(start);
    for (const [index, body] of appended.bodies.entries()) {
      page.append((keeping && redactedBody(keeping, start.seq + index)) ?? body);
    }
    return page;
  }

  /** Into a page that begins with the first of them. */
  #fetch({ session, replica }: Source, offsets: readonly number[], page: Page): Promise<void> {
    const wanted = { log: replica.logName, session, firstSeq: page.firstSeq, offsets };
    return readRun(this.#parts, wanted, page);
  }
}

const headOf = ({ stream }: SessionState): Head =>
  stream?.aspects.keeping.head ?? { seq: 0, position: 0 };

function checkHead({ session }: Source, position: number): void {
  const { stream } = session.state;
  if (stream !== undefined && position < headOf(session.state).position) throw behindHead(stream);
}

interface KeptRun {
  readonly start: PageStart;
  readonly offsets: readonly number[];
}

/** Of a run that is not as it was appended: where it begins now, and what is left of it. */
function keptOf(
  { stream }: SessionState,
  { start, endSeq, offsets }: EventRun,
): KeptRun | undefined {
  if (stream === undefined) return undefined;
  const { head, redacted } = stream.aspects.keeping;
  const isCut = head.seq > start.seq;
  const isRedacted = redacted.some(([seq]) => seq >= start.seq && seq < endSeq);
  if (!isCut && !isRedacted) return undefined;
  const { isJson } = start;
  return {
    start: isCut ? { ...head, isJson } : start,
    offsets: unpackOffsets(offsets).slice(Math.max(0, head.seq - start.seq)),
  };
}

/** Whether something was taken from it since it was appended. */
export const isAltered = (state: SessionState, run: EventRun): boolean =>
  keptOf(state, run) !== undefined;

/** A range without an event. */
export const nothingAt = (endPosition: number, endSeq: number): EventRange => ({
  bodies: [],
  endPosition,
  endSeq,
  split: () => [],
});

const corrupt = (): Problem =>
  new Problem('corrupt', 'what is kept is not what was folded from the log');
