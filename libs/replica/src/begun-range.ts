// A range of which the first events are there, and the others come while it is sent: who reads what is cold has its
// first byte after one run of it.
//
// (1) What follows is told in bytes before it is there: a run that nothing was taken from has the bytes that it had.
// (2) What comes is what was told, of the incarnation that was begun with, or nothing comes any more.

import { Problem } from '@tidemark/protocol';
import type { EventRun } from './event-run.ts';
import type { FoldedSession } from './folded-session.ts';
import {
  type EventRange,
  isAltered,
  type LocatedSession,
  type ReadBounds,
  type SessionReader,
} from './session-reader.ts';

export interface BegunRange extends EventRange {
  /** Of the events behind `bodies`; the range ends behind them. */
  readonly laterBytes: number;
  /**
   * Those events, in order, as they are served. The session is held until they have come. Whoever asks for more is done
   * with what it got before.
   */
  readonly later: () => AsyncGenerator<readonly Uint8Array[]>;
}

/** Whole events of one run. */
interface Step {
  readonly position: number;
  readonly endPosition: number;
  readonly endSeq: number;
  readonly bytes: number;
  readonly events: number;
}

/** Rejects as a read does. */
export async function beginRead(
  reader: SessionReader,
  located: LocatedSession,
  bounds: ReadBounds,
): Promise<BegunRange> {
  const { session } = located;
  const first = firstOf(session, bounds);
  if (first === undefined) return wholeRange(await reader.read(located, bounds));
  const incarnation = session.state.stream?.incarnation;
  const range = await reader.lend(located, first);
  if (session.state.stream?.incarnation !== incarnation) return wholeRange(range);
  const { endPosition } = range;
  const bytesMax = bounds.bytesMax - bytesOf(range);
  const steps = stepsFrom(session, { ...bounds, position: endPosition, bytesMax });
  const last = steps.at(-1);
  if (last === undefined) return wholeRange(range);
  return {
    ...range,
    endPosition: last.endPosition,
    endSeq: last.endSeq,
    laterBytes: steps.reduce((sum, { bytes }) => sum + bytes, 0),
    async *later() {
      range.letGo();
      for (const step of steps) {
        if (session.state.stream?.incarnation !== incarnation) throw taken();
        const { position, bytes, events: eventsMax } = step;
        const wanted = { position, bytesMax: bytes, eventsMax, aheadBytes: bytesMax };
        const part = await reader.lend(located, wanted);
        if (part.endPosition !== step.endPosition || bytesOf(part) !== bytes) throw taken();
        yield part.bodies;
        part.letGo();
      }
    },
  };
}

/** A range of which nothing is still to come. */
export const wholeRange = (range: EventRange): BegunRange => ({
  ...range,
  laterBytes: 0,
  async *later() {},
});

const taken = (): Problem =>
  new Problem('unavailable', 'what was begun to be read is not there any more');

const bytesOf = ({ bodies }: EventRange): number =>
  bodies.reduce((sum, { length }) => sum + length, 0);

/** To the end of the run that the read begins in; undefined where the read is one of other runs, or of no more. */
function firstOf({ events }: FoldedSession, bounds: ReadBounds): ReadBounds | undefined {
  const { position, bytesMax, eventsMax } = bounds;
  if (events === undefined || eventsMax < Number.MAX_SAFE_INTEGER) return undefined;
  if (position < events.firstPosition) return undefined;
  const run = events.runAt(position);
  if (run === undefined || run.endPosition >= events.endPosition) return undefined;
  const left = run.endPosition - position;
  if (run.start.isJson) return { position, bytesMax, eventsMax: left, aheadBytes: bytesMax };
  return { position, bytesMax: Math.min(left, bytesMax), eventsMax, aheadBytes: bytesMax };
}

/** The runs that begin there and are wanted whole. */
function stepsFrom({ events, state }: FoldedSession, bounds: ReadBounds): readonly Step[] {
  const steps: Step[] = [];
  let { position, bytesMax: bytesLeft } = bounds;
  for (;;) {
    const run = events?.runAt(position);
    const isNext = run?.start.position === position && run.count > 0;
    if (!isNext || run.lengthBytes > bytesLeft || isAltered(state, run)) return steps;
    steps.push(stepOf(run));
    position = run.endPosition;
    bytesLeft -= run.lengthBytes;
  }
}

function stepOf({ start, endPosition, endSeq, lengthBytes, count }: EventRun): Step {
  return { position: start.position, endPosition, endSeq, bytes: lengthBytes, events: count };
}
