// The value of a create record: the session's configuration, as JSON.

import { jsonContentType, limits, mediaTypeOf } from '@tidemark/protocol';
import { bytesOf, strictTextOf } from '@tidemark/std';
import { type Head, isHead } from './keeping.ts';
import { type ProfilePatch, patchOf } from './profile.ts';
import { type Fields, isCount, isFields, isText } from './shapes.ts';

/** Where a fork left its source. Positions and seqs go on from there. */
export interface ForkOrigin {
  readonly source: string;
  readonly incarnation: string;
  readonly position: number;
  readonly seq: number;
  /** Whether the request named the position, or took the tail as it was. */
  readonly isExplicit: boolean;
  /** How many forks lie between this one and a session that is none, this one included. */
  readonly depth: number;
  /** Where what the source kept began; nothing where it kept all. */
  readonly head?: Head;
}

/** Up to and including `endPosition`, cursors carry this ancestor's tag. Oldest ancestor first. */
export interface LineageEntry {
  readonly endPosition: number;
  readonly tag: string;
}

export interface SessionConfig {
  readonly incarnation: string;
  readonly contentType: string;
  readonly ttlMs?: number | undefined;
  readonly expiresAtMs?: number | undefined;
  readonly origin?: ForkOrigin | undefined;
  readonly lineage?: readonly LineageEntry[] | undefined;
  /** What it is made as, where it is more than a stream. */
  readonly profile?: ProfilePatch | undefined;
}

export const encodeConfig = (config: SessionConfig): Uint8Array => bytesOf(JSON.stringify(config));

const isOptionalCount = (value: unknown): value is number | undefined =>
  value === undefined || isCount(value);

const isOrigin = (value: unknown): value is ForkOrigin =>
  isFields(value) &&
  isText(value['source']) &&
  isText(value['incarnation']) &&
  isCount(value['position']) &&
  isCount(value['seq']) &&
  isCount(value['depth']) &&
  typeof value['isExplicit'] === 'boolean' &&
  (value['head'] === undefined || isHead(value['head']));

const isLineage = (value: unknown): value is readonly LineageEntry[] =>
  Array.isArray(value) &&
  value.length <= limits.forkDepthMax &&
  value.every((entry) => isFields(entry) && isCount(entry['endPosition']) && isText(entry['tag']));

/** The facts in a record's value, or undefined where it holds no JSON object. */
export function factsOf(value: Uint8Array): Fields | undefined {
  const text = strictTextOf(value);
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return isFields(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where the value is none of ours: the record is then void. */
export function decodeConfig(value: Uint8Array): SessionConfig | undefined {
  const facts = factsOf(value);
  if (facts === undefined) return undefined;
  const { incarnation, contentType, ttlMs, expiresAtMs, origin, lineage } = facts;
  const profile = facts['profile'] === undefined ? undefined : patchOf(facts['profile']);
  if (!isText(incarnation) || !isText(contentType)) return undefined;
  if (!isOptionalCount(ttlMs) || !isOptionalCount(expiresAtMs)) return undefined;
  if (origin !== undefined && !isOrigin(origin)) return undefined;
  if (lineage !== undefined && !isLineage(lineage)) return undefined;
  if (facts['profile'] !== undefined && profile === undefined) return undefined;
  return { incarnation, contentType, ttlMs, expiresAtMs, origin, lineage, profile };
}

export const isJsonType = (contentType: string): boolean =>
  mediaTypeOf(contentType) === jsonContentType;

/** What a `level` record raises the shard to, or a `genesis` begins it at. */
export function foldLevelOf(record: { readonly value: Uint8Array }): number | undefined {
  const level = factsOf(record.value)?.['level'];
  return isCount(level) ? level : undefined;
}
