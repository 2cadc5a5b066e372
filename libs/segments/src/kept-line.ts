import { parseTimestamp } from '@tidemark/protocol';
import { redactedBody, type SessionState } from '@tidemark/session';
import { lineOf } from './segment-line.ts';
import { type LinePlace, timeIn } from './wanted-lines.ts';

/** A line, with its line feed, as its session keeps it now; undefined where it keeps it no more. */
export function keptLine(
  { stream, tenant, name }: SessionState,
  line: Buffer,
  { seq, offset, at }: LinePlace,
): Buffer | undefined {
  if (stream === undefined) return undefined;
  const { keeping } = stream.aspects;
  if (seq < keeping.head.seq) return undefined;
  const body = keeping.redacted.length === 0 ? undefined : redactedBody(keeping, seq);
  if (body === undefined) return line;
  const timeMs = parseTimestamp(timeIn(line, at).text) ?? 0;
  const made = lineOf({ key: '', tenant, name, stream }, { seq, offset, timeMs, body });
  return Buffer.from(made.buffer, made.byteOffset, made.length);
}
