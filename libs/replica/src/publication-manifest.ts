// What is published of a shard's sessions, and where:
//
//   manifest := {format, version, serial, nonce, position, level, logEpoch, anchor, digest, mark, runs, index}
//   run      := [{name, bytes, metaStart, entries, first, last}]       tables, in key order
//
// as JSON, replaced only by compare-and-swap. `serial` counts the manifests of the shard; a table's name
// carries the one that it builds on. `nonce` tells its writer whether it stands. Stored.

import { bytesOf, strictTextOf } from '@tidemark/std';
import type { TableRun } from '@tidemark/tables';
import type { FoldPoint, LogName, PublishedIndex } from './published.ts';

const format = 'tidemark-sessions';
const version = 1;

export interface Manifest {
  readonly serial: number;
  readonly nonce: string;
  readonly at: FoldPoint;
  /** The newest first. */
  readonly runs: readonly TableRun[];
  /** Of the events of these sessions, where one is made. */
  readonly index?: PublishedIndex | undefined;
}

/** Every key of an object that belongs to a shard's publication is made here. */
const folderOf = ({ shard, logEpoch }: LogName): string => `shards/${shard}/${logEpoch}`;
export const manifestKey = (log: LogName): string => `${folderOf(log)}/sessions.json`;
export const tablePrefix = (log: LogName): string => `${folderOf(log)}/tables/`;
export const tableKey = (log: LogName, serial: number, id: string): string =>
  `${tablePrefix(log)}${String(serial).padStart(10, '0')}-${id}`;

/** The manifest that a table of this name builds on. */
export const serialOf = (log: LogName, name: string): number =>
  Number(name.slice(tablePrefix(log).length).split('-')[0]);

export function encodeManifest({ serial, nonce, at, runs, index }: Manifest): Uint8Array {
  const { position, level, logEpoch, anchor, digest, mark } = at;
  const point = {
    position: position.toString(),
    level,
    logEpoch: logEpoch ?? null,
    anchor: anchor === undefined ? null : { offset: anchor.offset.toString(), id: anchor.id },
    digest,
    mark: mark ?? null,
  };
  return bytesOf(JSON.stringify({ format, version, serial, nonce, ...point, runs, index }));
}

interface Encoded {
  readonly format: string;
  readonly version: number;
  readonly serial: number;
  readonly nonce: string;
  readonly position: string;
  readonly level: number;
  readonly logEpoch: string | null;
  readonly anchor: { readonly offset: string; readonly id: string } | null;
  readonly digest: number;
  readonly mark: FoldPoint['mark'] | null;
  readonly runs: readonly TableRun[];
  readonly index?: PublishedIndex;
}

/** Undefined where it is none of ours, or of another version. */
export function decodeManifest(bytes: Uint8Array): Manifest | undefined {
  const text = strictTextOf(bytes);
  if (text === undefined) return undefined;
  try {
    const given = JSON.parse(text) as Encoded;
    if (given.format !== format || given.version !== version) return undefined;
    const { serial, nonce, runs, level, digest, anchor, index } = given;
    const at = {
      position: BigInt(given.position),
      level,
      logEpoch: given.logEpoch ?? undefined,
      anchor: anchor === null ? undefined : { offset: BigInt(anchor.offset), id: anchor.id },
      digest,
      mark: given.mark ?? undefined,
    };
    return { serial, nonce, at, runs, index };
  } catch {
    return undefined;
  }
}
