// What was rewritten to erase what sessions keep no more, said before it is done:
//
//   <folder of the shard's segments>/erasures/<time in ms, 16 digits>-<id>.json
//   report := {format, version, atMs, was, is, sessions}        `is` is null where nothing of `was` is left
//
// Never changed, and never deleted: they name objects and sessions' keys, and nothing of what was in them. Stored.

import type { Clock, ObjectStore, Prng } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import type { LogName } from '@tidemark/replica';
import { bytesOf, strictTextOf } from '@tidemark/std';
import { erasurePrefix, type Range, rangeOfSegment } from './segment-manifest.ts';

const format = 'tidemark-erasure';
const version = 1;
/** Of the newest, in one answer. */
const readMax = 2_000;
const atOnce = 16;

export interface ErasureReport {
  readonly name: string;
  readonly atMs: number;
  readonly was: string;
  readonly is: string | null;
  readonly sessions: readonly string[];
}

interface WriteParts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly prng: Prng;
}

export async function writeErasure(
  { store, clock, prng }: WriteParts,
  { log, report }: { readonly log: LogName; readonly report: Omit<ErasureReport, 'name' | 'atMs'> },
  signal: AbortSignal,
): Promise<void> {
  const atMs = clock.nowMs();
  const name = `${String(atMs).padStart(16, '0')}-${prng.hex(8)}.json`;
  const body = bytesOf(JSON.stringify({ format, version, atMs, ...report }));
  await store.putIfAbsent(`${erasurePrefix(log)}${name}`, body, signal);
}

/** Those that name a session, the oldest first. */
export async function erasuresOf(
  store: ObjectStore,
  { log, key }: { readonly log: LogName; readonly key: string },
  signal: AbortSignal,
): Promise<readonly ErasureReport[]> {
  const newest = (await namesOf(store, log, signal)).slice(-readMax);
  const reports = await readErasures(store, { log, names: newest }, signal);
  return reports.filter(({ sessions }) => sessions.includes(key));
}

async function namesOf(store: ObjectStore, log: LogName, signal: AbortSignal): Promise<string[]> {
  const prefix = erasurePrefix(log);
  const names: string[] = [];
  for await (const { key } of store.list(prefix, signal)) names.push(key.slice(prefix.length));
  return names;
}

/** What was erased that somebody has not looked at. */
export interface ErasureNews {
  readonly isAny: boolean;
  /** Of the log, in which something was erased, and the report that says so. */
  readonly ranges: readonly ErasedRange[];
  /** All reports that there are, looked at or not. */
  readonly names: ReadonlySet<string>;
  /** What to know the next time. */
  readonly seen: readonly string[];
}

export interface ErasedRange extends Range {
  readonly report: string;
}

/** Names begin with the time of whoever wrote them: clocks differ by less. */
const skewMs = 3_600_000;

const timeOf = (name: string): number => Number(name.slice(0, 16));

export async function erasuresSince(
  store: ObjectStore,
  {
    log,
    known,
    hasFiles,
  }: { readonly log: LogName; readonly known: readonly string[]; readonly hasFiles: boolean },
  signal: AbortSignal,
): Promise<ErasureNews> {
  const names = await namesOf(store, log, signal);
  const newestMs = Math.max(0, ...names.map(timeOf));
  const seen = names.filter((name) => timeOf(name) > newestMs - skewMs);
  const fresh = hasFiles ? unseen(names, known) : [];
  const reports = await readErasures(store, { log, names: fresh }, signal);
  const ranges = reports.map(({ name: report, was }) => ({ report, ...rangeOfSegment(log, was) }));
  return { isAny: fresh.length > 0, ranges, names: new Set(names), seen };
}

/** Of reports those that somebody has not looked at who knows so many of the last hour. */
export function unseen(names: readonly string[], known: readonly string[]): readonly string[] {
  const knownToMs = Math.max(0, ...known.map(timeOf)) - skewMs;
  const before = new Set(known);
  return names.filter((name) => timeOf(name) > knownToMs && !before.has(name));
}

async function readErasures(
  store: ObjectStore,
  { log, names }: { readonly log: LogName; readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<readonly ErasureReport[]> {
  const prefix = erasurePrefix(log);
  const reports: ErasureReport[] = [];
  for (let at = 0; at < names.length; at += atOnce) {
    const some = names.slice(at, at + atOnce).map(async (name) => {
      const object = await store.get(`${prefix}${name}`, signal);
      return { ...decodeErasure(object?.body), name };
    });
    reports.push(...(await Promise.all(some)));
  }
  return reports;
}

function decodeErasure(body: Uint8Array | undefined): Omit<ErasureReport, 'name'> {
  const text = body && strictTextOf(body);
  if (text === undefined) throw new Problem('corrupt', 'a report of an erasure cannot be read');
  const report = JSON.parse(text) as ErasureReport & { readonly format: string };
  if (report.format !== format) throw new Problem('corrupt', 'a report of an erasure is none');
  return report;
}
