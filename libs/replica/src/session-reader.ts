// Reads one session's events: its own, and before them what its ancestors had where it left them.

import type { Clock, EventLog, Shard, StoredRecord } from '@tidemark/ports';
import { limits, Problem } from '@tidemark/protocol';
import { decodeRecord } from '@tidemark/session';
import { equalBytes } from '@tidemark/std';
import type { Content, PageRange } from './content.ts';
import type { HotBudget } from './hot-budget.ts';
import type { Page } from './page.ts';
import type { FoldedSession } from './shard-fold.ts';

/** Finds the session that a fork left, folded at least to where it left it. */
export type SourceFinder = (fork: FoldedSession) => Promise<LocatedSession>;

export interface LocatedSession {
  readonly shard: Shard;
  readonly session: FoldedSession;
}

export interface EventRange {
  /** As they are served, one behind the other; each JSON event ends with a comma. */
  readonly bodies: readonly Uint8Array[];
  readonly endPosition: number;
  readonly endSeq: number;
}

interface Source extends LocatedSession {
  readonly content: Content;
  readonly endPosition: number;
}

export interface ReadBounds {
  readonly position: number;
  readonly bytesMax: number;
  readonly eventsMax: number;
}

/** Offsets farther apart than this are worth a read of their own. */
const gapRecordsMax = 4_096;

interface ReaderParts {
  readonly log: EventLog;
  readonly clock: Clock;
}

export class SessionReader {
  readonly #parts: ReaderParts;
  readonly #budget: HotBudget;
  readonly #findSource: SourceFinder;
  readonly #restoring = new Map<Page, Promise<Uint8Array>>();

  constructor(parts: ReaderParts, budget: HotBudget, findSource: SourceFinder) {
    this.#parts = parts;
    this.#budget = budget;
    this.#findSource = findSource;
  }

  /** What is hot and the session's own, at once; undefined where it has to be fetched. */
  readHot(session: FoldedSession, bounds: ReadBounds): EventRange | undefined {
    const { content } = session;
    if (content === undefined || bounds.position < content.firstPosition) return undefined;
    const slice = content.slice({ ...bounds, endPosition: Number.MAX_SAFE_INTEGER });
    const bodies: Uint8Array[] = [];
    for (const { page, start, end } of slice.ranges) {
      if (!page.isHot) return undefined;
      bodies.push(page.range(start, end));
    }
    return { bodies, endPosition: slice.endPosition, endSeq: slice.endSeq };
  }

  async read(located: LocatedSession, bounds: ReadBounds): Promise<EventRange> {
    const sources = await this.#sourcesFrom(located, bounds.position);
    const bodies: Uint8Array[] = [];
    let { position, bytesMax, eventsMax } = bounds;
    let endSeq = 0;
    for (const source of sources) {
      const { content, endPosition } = source;
      if (position > endPosition) continue;
      const slice = content.slice({ position, endPosition, bytesMax, eventsMax });
      for (const range of slice.ranges) {
        const body = await this.#bodyOf(source, range);
        bodies.push(body);
        bytesMax -= body.length;
      }
      eventsMax -= slice.endSeq - content.seqAt(position);
      position = slice.endPosition;
      endSeq = slice.endSeq;
      if (position < endPosition || bytesMax <= 0 || eventsMax <= 0) break;
    }
    return { bodies, endPosition: position, endSeq };
  }

  /** The seq of the first event that begins at a position or behind it. */
  async seqAfter(located: LocatedSession, position: number): Promise<number> {
    const sources = await this.#sourcesFrom(located, position);
    const source = sources.find(({ endPosition }) => position <= endPosition);
    if (source === undefined) return 0;
    const seq = source.content.seqAt(position);
    return source.content.positionOf(seq) < position ? seq + 1 : seq;
  }

  /** The position at which an event begins, wherever in the lineage it lies. */
  async positionOf(located: LocatedSession, seq: number): Promise<number> {
    const sources = await this.#sourcesFrom(located, 0);
    const source = sources.findLast(({ content }) => content.firstSeq <= seq);
    return source === undefined ? 0 : Math.min(source.content.positionOf(seq), source.endPosition);
  }

  /** Where the event that a position lies in, or begins, ends. */
  async boundaryAfter(located: LocatedSession, position: number): Promise<number> {
    const { endPosition } = await this.read(located, { position, bytesMax: 0, eventsMax: 1 });
    return endPosition;
  }

  /** Those whose events the read may need, oldest ancestor first. */
  async #sourcesFrom(located: LocatedSession, position: number): Promise<Source[]> {
    const sources: Source[] = [];
    let at: LocatedSession = located;
    let endPosition = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const { content, state } = at.session;
      if (content === undefined || state.stream === undefined) {
        throw new Problem('session-not-found', 'deleted while it was read');
      }
      // A fork that was left before its first own event has nothing to add.
      if (content.firstPosition < endPosition) sources.unshift({ ...at, content, endPosition });
      const { origin } = state.stream;
      if (origin === undefined || position >= content.firstPosition) return sources;
      endPosition = Math.min(endPosition, origin.position);
      at = await this.#findSource(at.session);
    }
  }

  async #bodyOf(source: LocatedSession, { page, start, end }: PageRange): Promise<Uint8Array> {
    if (page.isHot) {
      this.#budget.touch(page);
      return page.range(start, end);
    }
    const restoring = this.#restoring.get(page) ?? this.#restore(source, page);
    this.#restoring.set(page, restoring);
    try {
      return (await restoring).subarray(start, end);
    } finally {
      this.#restoring.delete(page);
    }
  }

  /** Reads the page's events again, by their offsets. */
  async #restore(source: LocatedSession, page: Page): Promise<Uint8Array> {
    const bodies: Uint8Array[] = [];
    while (bodies.length < page.count) await this.#readRun(source, page, bodies);
    this.#budget.charge(page, page.restore(bodies));
    return page.range(0, page.lengthBytes);
  }

  /** Reads on from the first event that is missing, until a gap makes another read cheaper. */
  async #readRun(source: LocatedSession, page: Page, bodies: Uint8Array[]): Promise<void> {
    const { log, clock } = this.#parts;
    const ending = new AbortController();
    // What was folded is there at once; only a log that is gone, or away, makes its readers wait.
    const timer = clock.schedule(limits.appendDeadlineMs, () => ending.abort());
    const from = BigInt(page.offsets[bodies.length] ?? 0);
    const before = bodies.length;
    try {
      for await (const { records, nextOffset } of log.read(source.shard, {
        from,
        signal: ending.signal,
      })) {
        takeBodies(source.session, page, { records, bodies });
        const wanted = page.offsets[bodies.length];
        const next = Number(nextOffset);
        if (wanted === undefined || wanted - next > gapRecordsMax) return;
        if (wanted < next) throw corrupt();
      }
    } finally {
      timer.cancel();
      ending.abort();
    }
    if (bodies.length === before) throw new Problem('unavailable', 'the log does not answer');
  }
}

const corrupt = (): Problem =>
  new Problem('corrupt', 'the log does not hold what was folded from it');

/** Adds the values of those records that are the page's next events. */
function takeBodies(
  { keyBytes }: FoldedSession,
  page: Page,
  read: { readonly records: readonly StoredRecord[]; readonly bodies: Uint8Array[] },
): void {
  const { records, bodies } = read;
  for (const stored of records) {
    if (Number(stored.offset) !== page.offsets[bodies.length]) continue;
    const decoded = decodeRecord(stored);
    const seq = page.firstSeq + bodies.length;
    const isTheEvent =
      decoded.kind === 'record' && decoded.record.seq === seq && equalBytes(stored.key, keyBytes);
    if (!isTheEvent) throw corrupt();
    bodies.push(stored.value);
  }
}
