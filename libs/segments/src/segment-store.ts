// The objects of segments: written, looked at, named by a manifest, and swept once none names them.

import { type Clock, isFault, type ObjectStore, type Prng } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import type { LogName } from '@tidemark/replica';
import { decodeFooter } from './segment-format.ts';
import {
  decodeManifest,
  encodeManifest,
  manifestKey,
  noSegments,
  type SegmentManifest,
  type SegmentRef,
  segmentKey,
  segmentPrefix,
} from './segment-manifest.ts';
import type { WrittenSegment } from './segment-writer.ts';

export interface ReadSegments {
  readonly manifest: SegmentManifest;
  readonly etag: string;
}

interface StoreParts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly prng: Prng;
}

export type SegmentChange = Partial<Omit<SegmentManifest, 'serial' | 'nonce'>>;

type Times = Pick<SegmentRef, 'firstMs' | 'lastMs'>;

export class SegmentStore {
  readonly #parts: StoreParts;
  /** Objects that no manifest names, and since when this process knows. */
  readonly #unnamedSinceMs = new Map<string, number>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** A segment whole. */
  async get({ name }: SegmentRef, signal: AbortSignal): Promise<Uint8Array> {
    const object = await this.#parts.store.get(name, signal);
    if (object === undefined) throw new Problem('unavailable', 'a segment is not there any more');
    return object.body;
  }

  async read(log: LogName, signal: AbortSignal): Promise<ReadSegments | undefined> {
    const object = await this.#parts.store.get(manifestKey(log), signal);
    return object === undefined
      ? undefined
      : { manifest: decodeManifest(object.body), etag: object.etag };
  }

  /** Writes the object, and looks whether it can be read as it was written. */
  async write(
    log: LogName,
    { written, times }: { readonly written: WrittenSegment; readonly times: Times },
    signal: AbortSignal,
  ): Promise<SegmentRef> {
    const { store, prng } = this.#parts;
    const { body, footerStart, directory, events, rawBytes } = written;
    const range = {
      firstOffset: Number(directory.firstOffset),
      endOffset: Number(directory.endOffset),
    };
    const name = segmentKey(log, range, prng.hex(8));
    await store.putIfAbsent(name, body, signal);
    const footer = { firstByte: footerStart, endByte: body.length };
    const stored = await store.getRange(name, footer, signal);
    const isWhole =
      stored?.body.length === body.length - footerStart &&
      decodeFooter(stored.body).sessions.length === directory.sessions.length;
    if (!isWhole) throw new Problem('unavailable', 'a segment is not stored as it was written');
    return { name, ...range, bytes: body.length, footerStart, events, rawBytes, ...times };
  }

  /** Replaces what was read by itself with a change; undefined where somebody else was quicker. */
  async commit(
    log: LogName,
    { read, change }: { readonly read: ReadSegments | undefined; readonly change: SegmentChange },
    signal: AbortSignal,
  ): Promise<ReadSegments | undefined> {
    const { store, prng } = this.#parts;
    const before = read?.manifest ?? noSegments;
    const etag = read?.etag;
    const manifest = { ...before, ...change, serial: before.serial + 1, nonce: prng.hex(16) };
    const key = manifestKey(log);
    const body = encodeManifest(manifest);
    try {
      const outcome =
        etag === undefined
          ? await store.putIfAbsent(key, body, signal)
          : await store.compareAndSwap(key, { expected: etag, body }, signal);
      if (outcome.kind === 'stored') return { manifest, etag: outcome.etag };
    } catch (cause) {
      if (!isFault(cause) || cause.effect === 'none') throw cause;
    }
    const now = await this.read(log, signal);
    return now?.manifest.nonce === manifest.nonce ? now : undefined;
  }

  /**
   * Deletes what no manifest has named for so long; what a later one may name is left. Whether nothing is left
   * that has to go.
   */
  async sweep(log: LogName, graceMs: number, signal: AbortSignal): Promise<boolean> {
    const { store, clock } = this.#parts;
    // The newest, whatever was read before: what it names stays.
    const read = await this.read(log, signal);
    if (read === undefined) return true;
    const named = new Set(read.manifest.segments.map(({ name }) => name));
    const prefix = segmentPrefix(log);
    const nowMs = clock.monotonicMs();
    const old: string[] = [];
    let unnamed = 0;
    for await (const { key } of store.list(prefix, signal)) {
      const firstOffset = Number(key.slice(prefix.length).split('-')[0]);
      if (named.has(key) || firstOffset >= read.manifest.endOffset) {
        this.#unnamedSinceMs.delete(key);
        continue;
      }
      unnamed += 1;
      const sinceMs = this.#unnamedSinceMs.get(key) ?? nowMs;
      this.#unnamedSinceMs.set(key, sinceMs);
      if (nowMs - sinceMs >= graceMs) old.push(key);
    }
    if (old.length > 0) await store.deleteMany(old, signal);
    for (const key of old) this.#unnamedSinceMs.delete(key);
    return unnamed === old.length;
  }
}
