// Events that a log has let go, out of segments.
//
// (1) A cold read costs two ranged reads for each segment that it needs: its footer, once, and the frames, also
//     where several runs of them are wanted at once; whoever reads on has asked for its first run by itself.
// (2) Lines are taken for events only if the first and the last of them in a frame name the session and their seqs.

import type { ByteRange, ObjectStore } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import {
  type EventArchive,
  type EventSink,
  glanceEventsMax,
  type LogName,
  type WantedRun,
} from '@tidemark/replica';
import { compareText, ownBytes } from '@tidemark/std';
import { BlockCache } from '@tidemark/tables';
import { FrameEvents, framesOf, type StoredEvents } from './frame-events.ts';
import { JoinedReads } from './joined-reads.ts';
import { decodeFooter, type SegmentDirectory, type SegmentSession } from './segment-format.ts';
import {
  decodeManifest,
  manifestKey,
  type SegmentManifest,
  type SegmentRef,
  segmentAt,
} from './segment-manifest.ts';
import { lineHead } from './wanted-lines.ts';

/** Of a directory in memory, beside the text of its keys. */
const frameCost = 64;
const sessionCost = 120;

/** So many events of one run, the first of them `seq`, lie in one segment. */
interface Part {
  readonly segment: SegmentRef;
  readonly seq: number;
  readonly count: number;
}

export class SegmentArchive implements EventArchive {
  readonly store: ObjectStore;
  readonly #cache: BlockCache;
  readonly #reads: JoinedReads;
  readonly #frames = new FrameEvents();
  readonly #asking = new Map<string, Promise<SegmentManifest | undefined>>();

  constructor(store: ObjectStore, settings: { readonly cacheBytesMax: number }) {
    this.store = store;
    this.#cache = new BlockCache(settings.cacheBytesMax);
    this.#reads = new JoinedReads(store);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  async read(run: WantedRun, sink: EventSink, signal: AbortSignal): Promise<void> {
    const stored = await this.#storedOf(run, signal);
    // Nothing is awaited in between: a frame goes as soon as it is taken.
    for (const part of stored) this.#frames.take(part, (events) => sink.appendServed(events));
  }

  async #storedOf(run: WantedRun, signal: AbortSignal): Promise<readonly StoredEvents[]> {
    const first = run.offsets[0] ?? 0;
    const key = manifestKey(run.log);
    const known = this.#cache.get<SegmentManifest>(key);
    if (known !== undefined && first < known.endOffset) {
      try {
        return await this.#storedBy(known, run, signal);
      } catch (cause) {
        if (!(cause instanceof SegmentGone)) throw cause;
      }
    }
    this.#cache.delete(key);
    const manifest = await this.#manifest(run.log, signal);
    return manifest === undefined ? [] : this.#storedBy(manifest, run, signal);
  }

  async manifest(log: LogName, signal: AbortSignal): Promise<SegmentManifest | undefined> {
    this.#cache.delete(manifestKey(log));
    return this.#manifest(log, signal);
  }

  /** Who asks in one turn is answered by one request, which is sent after all of them came. */
  #manifest(log: LogName, signal: AbortSignal): Promise<SegmentManifest | undefined> {
    const key = manifestKey(log);
    const asking = this.#asking.get(key) ?? this.#askManifest(key, signal);
    this.#asking.set(key, asking);
    return asking;
  }

  async #askManifest(key: string, signal: AbortSignal): Promise<SegmentManifest | undefined> {
    await Promise.resolve();
    this.#asking.delete(key);
    const object = await this.#trying(() => this.store.get(key, signal));
    if (object === undefined) return undefined;
    const manifest = decodeManifest(object.body);
    this.#cache.set(key, manifest, object.body.length);
    return manifest;
  }

  #storedBy(
    manifest: SegmentManifest,
    run: WantedRun,
    signal: AbortSignal,
  ): Promise<readonly StoredEvents[]> {
    const parts = partsOf(manifest, run);
    return Promise.all(parts.map((part) => this.#storedPart(part, run, signal)));
  }

  async #storedPart(
    { segment, seq, count }: Part,
    run: WantedRun,
    signal: AbortSignal,
  ): Promise<StoredEvents> {
    const { key, state } = run.session;
    const directory = await this.directory(segment, signal);
    const session = sessionIn(directory, key);
    if (session === undefined || session.tag !== state.stream?.tag) {
      // It was over when its events would have been archived: whoever reads it has not folded that yet.
      throw new Problem('unavailable', 'the session was deleted before its events were archived');
    }
    const skipped = seq - session.firstSeq;
    if (skipped < 0 || skipped + count > session.count) {
      throw new Problem('corrupt', 'a segment has not the events that were archived in it');
    }
    const taken = framesOf(directory, session, { skipped, count });
    const isKept = count <= glanceEventsMax && count < session.count;
    const bytes = await (isKept
      ? this.#keptBytes(segment, taken, signal)
      : this.bytes(segment, taken, signal));
    const head = lineHead(state.tenant, state.name);
    return { segment: segment.name, bytes, ...taken, seq, count, head };
  }

  /** Stored as they are: decoded they are ten times as much. */
  #keptBytes(segment: SegmentRef, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const { firstByte, endByte } = range;
    return this.#cache.load(`${segment.name} ${firstByte}-${endByte}`, async () => {
      // A copy: what came is a part of what others asked for.
      const value = ownBytes(await this.bytes(segment, { firstByte, endByte }, signal));
      return { value, bytes: value.length };
    });
  }

  directory(segment: SegmentRef, signal: AbortSignal): Promise<SegmentDirectory> {
    return this.#cache.load(segment.name, async () => {
      const range = { firstByte: segment.footerStart, endByte: segment.bytes };
      const value = decodeFooter(await this.bytes(segment, range, signal));
      const keyBytes = value.sessions.reduce((sum, { key }) => sum + 2 * key.length, 0);
      const bytes =
        keyBytes + frameCost * value.frames.length + sessionCost * value.sessions.length;
      return { value, bytes };
    });
  }

  /** Of a segment; rejects with `SegmentGone` where a newer manifest names another in its place. */
  async bytes({ name }: SegmentRef, range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = await this.#trying(() => this.#reads.read(name, range, signal));
    if (bytes === undefined) throw new SegmentGone();
    if (bytes.length !== range.endByte - range.firstByte) {
      throw new Problem('corrupt', 'a segment is shorter than it was');
    }
    return bytes;
  }

  async #trying<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      throw new Problem('unavailable', 'a segment cannot be read', { cause });
    }
  }
}

/** A newer manifest names another object for what was in this one. */
export class SegmentGone extends Problem {
  constructor() {
    super('unavailable', 'a segment is not there any more');
  }
}

/** As far as the manifest goes. */
function partsOf(manifest: SegmentManifest, { firstSeq, offsets }: WantedRun): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  while (at < offsets.length) {
    const offset = offsets[at] as number;
    if (offset >= manifest.endOffset) break;
    const segment = segmentAt(manifest, offset);
    if (segment === undefined) {
      throw new Problem('corrupt', 'no segment has an event that was archived');
    }
    const start = at;
    while (at < offsets.length && (offsets[at] as number) < segment.endOffset) at += 1;
    parts.push({ segment, seq: firstSeq + start, count: at - start });
  }
  return parts;
}

function sessionIn({ sessions }: SegmentDirectory, key: string): SegmentSession | undefined {
  let low = 0;
  let high = sessions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareText((sessions[middle] as SegmentSession).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  const found = sessions[low];
  return found?.key === key ? found : undefined;
}
