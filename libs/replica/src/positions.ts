import { isStart, Problem, parseCursor } from '@tidemark/protocol';
import { type StreamState, tagAt } from '@tidemark/session';

/** The position that a cursor stands for in this session, and in no other. */
export function positionIn(stream: StreamState, offset: string): number {
  if (isStart(offset)) return 0;
  const { position, tag } = parseCursor(offset);
  if (tagAt(stream, position) === tag) return position;
  throw new Problem('invalid-offset', 'a position of another session');
}
