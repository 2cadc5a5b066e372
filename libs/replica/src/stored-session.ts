// A session as it is published:
//
//   session := {state, runs}                                                          (JSON, UTF-8)
//   run     := [events, bytes, time, first offset, deltas in base64]
//
// `state` is all that the fold will ever ask of it; `runs` say where its events are, from the first
// that it has of its own. Stored. A change of meaning is another version of what holds it.

import { decodeState, encodeState, type SessionState } from '@tidemark/session';
import { bytesOf, strictTextOf } from '@tidemark/std';
import type { StoredRun } from './event-run.ts';

type StoredLine = readonly [number, number, number, number, string];

export interface StoredSession {
  readonly state: SessionState;
  readonly runs: readonly StoredRun[];
}

export function encodeSession(state: SessionState, runs: readonly StoredRun[]): Uint8Array {
  const encoded = encodeState(state);
  return bytesOf(
    JSON.stringify(
      runs.length === 0 ? { state: encoded } : { state: encoded, runs: runs.map(lineOf) },
    ),
  );
}

function lineOf({ count, lengthBytes, timeMs, offsets }: StoredRun): StoredLine {
  const { first, deltas } = offsets;
  return [count, lengthBytes, timeMs, first, Buffer.from(deltas).toString('base64')];
}

/** Undefined where it is not what `encodeSession` gives. */
export function decodeSession(absent: SessionState, bytes: Uint8Array): StoredSession | undefined {
  const text = strictTextOf(bytes);
  if (text === undefined) return undefined;
  let parsed: { readonly state?: unknown; readonly runs?: readonly StoredLine[] };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return undefined;
  }
  const state = decodeState(absent, parsed.state);
  if (state === undefined) return undefined;
  return { state, runs: (parsed.runs ?? []).map(runOf) };
}

function runOf([count, lengthBytes, timeMs, first, deltas]: StoredLine): StoredRun {
  const offsets = { first, count, deltas: new Uint8Array(Buffer.from(deltas, 'base64')) };
  return { count, lengthBytes, timeMs, offsets };
}
