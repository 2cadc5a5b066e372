// A shard's fold as bytes, so that a process need not begin at the log's beginning.
//
//   checkpoint := header '\n' (session '\n')* footer '\n'                         (JSON lines, UTF-8)
//   header     := {format, version, level, logEpoch, position, anchor, digest}
//   session    := {key, state}      every session with a record, in key order; its maps in fold order
//   footer     := {sessions, crc32} of everything before it
//
// It holds all that the fold needs, dedupe windows included, and no bodies. Code that does not know
// its level refuses it (rule 4). Stored. A change of meaning is another version.

import { crc32 } from 'node:zlib';
import { decodeState, encodeState } from '@tidemark/session';
import { bytesOf, concatBytes, strictTextOf } from '@tidemark/std';
import type { Anchor, ShardFold } from './shard-fold.ts';

const format = 'tidemark-checkpoint';
const version = 1;

export class CheckpointRefused extends Error {
  override readonly name = 'CheckpointRefused';
}

interface Header {
  readonly format: string;
  readonly version: number;
  readonly level: number;
  readonly logEpoch: string | null;
  readonly position: string;
  readonly anchor: { readonly offset: string; readonly id: string } | null;
  readonly digest: number;
}

const lineOf = (value: unknown): Uint8Array => bytesOf(`${JSON.stringify(value)}\n`);

export function encodeCheckpoint(fold: ShardFold): Uint8Array {
  const { anchor } = fold;
  const header: Header = {
    format,
    version,
    level: fold.level,
    logEpoch: fold.logEpoch ?? null,
    position: fold.position.toString(),
    anchor: anchor === undefined ? null : { offset: anchor.offset.toString(), id: anchor.id },
    digest: fold.digest,
  };
  const sessions = [...fold.sessions()]
    .filter(({ state }) => state.rev > 0)
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  const body = concatBytes([
    lineOf(header),
    ...sessions.map(({ key, state }) => lineOf({ key, state: encodeState(state) })),
  ]);
  return concatBytes([body, lineOf({ sessions: sessions.length, crc32: crc32(body) })]);
}

/** Fills an empty fold. Throws CheckpointRefused, and leaves the fold as it was. */
export function restoreCheckpoint(fold: ShardFold, bytes: Uint8Array): void {
  const { header, sessions } = decodeLines(bytes);
  if (header.level > fold.knownLevel) {
    throw new CheckpointRefused(`fold level ${header.level} is beyond ${fold.knownLevel}`);
  }
  if (fold.logEpoch !== undefined && header.logEpoch !== fold.logEpoch) {
    throw new CheckpointRefused('the checkpoint is of another log epoch');
  }
  const states = sessions.map(({ key, state }) => {
    const decoded = decodeState(fold.absent(key), state);
    if (decoded === undefined) throw new CheckpointRefused('a session does not decode');
    return { key, state: decoded };
  });
  const anchor: Anchor | undefined =
    header.anchor === null
      ? undefined
      : { offset: BigInt(header.anchor.offset), id: header.anchor.id };
  fold.restore({ ...header, position: BigInt(header.position), anchor, states });
}

interface SessionLine {
  readonly key: string;
  readonly state: unknown;
}

function decodeLines(bytes: Uint8Array): {
  readonly header: Header;
  readonly sessions: readonly SessionLine[];
} {
  const text = strictTextOf(bytes);
  const lines = text?.endsWith('\n') === true ? text.slice(0, -1).split('\n') : [];
  const footer = parseLine<{ sessions: number; crc32: number }>(lines.at(-1));
  const bodyEnd = bytes.length - (bytesOf(lines.at(-1) ?? '').length + 1);
  if (lines.length < 2 || crc32(bytes.subarray(0, bodyEnd)) !== footer.crc32) {
    throw new CheckpointRefused('the checkpoint fails its checksum');
  }
  const header = parseLine<Header>(lines[0]);
  if (header.format !== format || header.version !== version) {
    throw new CheckpointRefused('another format or version');
  }
  const sessions = lines.slice(1, -1).map((line) => parseLine<SessionLine>(line));
  if (sessions.length !== footer.sessions) throw new CheckpointRefused('sessions are missing');
  return { header, sessions };
}

function parseLine<T>(line: string | undefined): T {
  try {
    return JSON.parse(line ?? '') as T;
  } catch (cause) {
    throw new CheckpointRefused('a line is not JSON', { cause });
  }
}
