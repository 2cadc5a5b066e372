// What a session is made with, and what its owner changes of it later. Agents and environments are
// stored as they were given: nothing here acts on them.

import { limits } from '@tidemark/protocol';
import { bytesOf } from '@tidemark/std';
import { isRun, type Run } from './run.ts';
import { type Fields, isCount, isFields, isText } from './shapes.ts';

/** What a session may spend. Beyond, only what settles passes. */
export interface SessionLimits {
  readonly events?: number | undefined;
  readonly bytes?: number | undefined;
  readonly tokens?: number | undefined;
  readonly turns?: number | undefined;
}

export interface Profile {
  /** What it was made as: a session of the API's own, or a stream that has got a meaning. */
  readonly title: string | undefined;
  readonly agent: Fields | undefined;
  readonly environmentId: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly resources: readonly Fields[];
  readonly vaultIds: readonly string[];
  readonly budget: Fields | undefined;
  readonly limits: SessionLimits;
  readonly scratch: unknown;
  /** How workers run it, where they do: see `run.ts`. */
  readonly run: Run | undefined;
  readonly updatedAtMs: number | undefined;
  /** Of all of that as JSON. */
  readonly bytes: number;
}

export const emptyProfile: Profile = {
  title: undefined,
  agent: undefined,
  environmentId: undefined,
  metadata: {},
  resources: [],
  vaultIds: [],
  budget: undefined,
  limits: {},
  scratch: undefined,
  run: undefined,
  updatedAtMs: undefined,
  bytes: 0,
};

/** What is said of a profile: what is left out stays, null takes away. */
export interface ProfilePatch {
  readonly title?: string | null;
  readonly agent?: Fields;
  readonly environmentId?: string;
  readonly metadata?: Readonly<Record<string, string | null>>;
  readonly resources?: readonly Fields[];
  readonly vaultIds?: readonly string[];
  readonly budget?: Fields | null;
  readonly limits?: SessionLimits;
  readonly scratch?: unknown;
  readonly run?: Run;
}

const isMetadata = (value: unknown): boolean =>
  isFields(value) && Object.values(value).every((text) => text === null || isText(text));

const isLimits = (value: unknown): boolean =>
  isFields(value) && Object.values(value).every((limit) => limit === undefined || isCount(limit));

const listOf =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(check);

const orNull =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || check(value);

const checks: Readonly<Record<keyof ProfilePatch, (value: unknown) => boolean>> = {
  title: orNull(isText),
  agent: isFields,
  environmentId: isText,
  metadata: isMetadata,
  resources: listOf(isFields),
  vaultIds: listOf(isText),
  budget: orNull(isFields),
  limits: isLimits,
  scratch: () => true,
  run: isRun,
};

/** Undefined where it is none of ours. */
export function patchOf(value: unknown): ProfilePatch | undefined {
  if (!isFields(value)) return undefined;
  const isPatch = Object.entries(checks).every(
    ([name, check]) => value[name] === undefined || check(value[name]),
  );
  return isPatch ? (value as ProfilePatch) : undefined;
}

/** The profile behind a patch; undefined where it would be over a bound. */
export function patchProfile(
  profile: Profile,
  patch: ProfilePatch,
  timeMs: number | undefined,
): Profile | undefined {
  const next = {
    title: patch.title === undefined ? profile.title : (patch.title ?? undefined),
    agent: patch.agent ?? profile.agent,
    environmentId: patch.environmentId ?? profile.environmentId,
    metadata: patchedMetadata(profile.metadata, patch.metadata),
    resources: patch.resources ?? profile.resources,
    vaultIds: patch.vaultIds ?? profile.vaultIds,
    budget: patch.budget === undefined ? profile.budget : (patch.budget ?? undefined),
    limits: patch.limits ?? profile.limits,
    scratch: patch.scratch === undefined ? profile.scratch : (patch.scratch ?? undefined),
    run: patch.run ?? profile.run,
  };
  const bytes = bytesOf(JSON.stringify(next)).length;
  const fits =
    bytes <= limits.profileBytesMax &&
    Object.keys(next.metadata).length <= limits.metadataPairsMax &&
    next.resources.length <= limits.resourcesMax;
  return fits ? { ...next, updatedAtMs: timeMs, bytes } : undefined;
}

function patchedMetadata(
  metadata: Profile['metadata'],
  patch: ProfilePatch['metadata'],
): Profile['metadata'] {
  if (patch === undefined) return metadata;
  const next = new Map(Object.entries(metadata));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  return Object.fromEntries(next);
}
