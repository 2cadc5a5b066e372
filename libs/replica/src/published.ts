// The door to a shard's sessions as they were published. A replica begins with them, and looks up in
// them whatever it does not have in memory.
//
// (1) What is published at a position is exactly the fold of the log below it: a session that is not
//     there had no record there.
// (2) It stays readable for as long as a replica has it pinned.

import type { Shard } from '@tidemark/ports';
import type { Anchor } from './anchor.ts';
import type { CatalogPlace, CatalogRange } from './catalog.ts';
import type { DigestMark } from './digest-marks.ts';
import type { UsageRange, UsageRow } from './usage-rows.ts';

/** Where a fold stands, and what it knows of the log besides its sessions. */
export interface FoldPoint {
  readonly position: bigint;
  readonly level: number;
  readonly logEpoch: string | undefined;
  readonly anchor: Anchor | undefined;
  readonly digest: number;
  /** An earlier digest, at a place where every fold of the log remembers its own for a while. */
  readonly mark: DigestMark | undefined;
}

/** Both ends included. */
export interface DueRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is published beside sessions, of their events. */
export interface PublishedIndex {
  /** JSON, for whoever made it. */
  readonly value: unknown;
  /** The objects that it stands on: they stay while a manifest names them. */
  readonly objects: readonly string[];
}

export interface PublishedSessions {
  readonly at: FoldPoint;
  /**
   * The sessions of these keys, encoded; those that are missing were absent. Rejects with a Problem:
   * `unavailable` where they cannot be had now, `corrupt` where they are not what was published.
   */
  load(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Keys from `from` on that begin with a prefix, in byte order, with their sessions. */
  scan(
    range: { readonly prefix: string; readonly from?: string },
    signal: AbortSignal,
  ): AsyncIterable<readonly [key: string, session: Uint8Array]>;
  /** Of their events, where one was made. */
  readonly index?: PublishedIndex | undefined;
  /** Places on a shelf of the catalogue, in order. */
  catalog(range: CatalogRange, signal: AbortSignal): AsyncIterable<CatalogPlace>;
  /** What sessions have taken in by days, in order of their rows. */
  usage(range: UsageRange, signal: AbortSignal): AsyncIterable<UsageRow>;
  /** Keys of sessions with something to be done in that time: what they owe is due at 0. */
  due(range: DueRange, signal: AbortSignal): AsyncIterable<string>;
}

/** A shard's log, and no other that ever had the name: what is published of one says nothing of another. */
export interface LogName {
  readonly shard: Shard;
  readonly logEpoch: string | undefined;
}

export interface Publications {
  /** The newest that there is of a log, or undefined. Rejects with a Problem. */
  newest(log: LogName, signal: AbortSignal): Promise<PublishedSessions | undefined>;
}

/** Nothing is published: replicas fold from the log's beginning, and keep everything. */
export const unpublished: Publications = { newest: () => Promise.resolve(undefined) };
