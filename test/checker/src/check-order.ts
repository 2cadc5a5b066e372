// What the order of a life has to respect: its producers, its conditions.

import type { Life } from './life.ts';
import type { Lives } from './lives.ts';
import type { Operation, Operations } from './operations.ts';
import type { Findings } from './violation.ts';

/** How long a producer is remembered for certain. */
const rememberedMs = 7 * 24 * 60 * 60 * 1_000;

type Stamp = NonNullable<Operation['call']['producer']>;

interface Walk {
  readonly life: Life;
  readonly findings: Findings;
  readonly producers: Map<string, { readonly stamp: Stamp; readonly op: Operation }>;
  streamSeq: { readonly text: string; readonly op: Operation } | undefined;
}

export function checkOrder(operations: Operations, lives: Lives, findings: Findings): void {
  for (const inSession of lives.bySession.values()) {
    for (const life of inSession) walk(operations, life, findings);
  }
}

function walk(operations: Operations, life: Life, findings: Findings): void {
  const walking: Walk = { life, findings, producers: new Map(), streamSeq: undefined };
  let last: Operation | undefined;
  for (let seq = life.inherited; seq < life.slots.length; seq += 1) {
    const slot = life.slots[seq];
    if (slot === undefined) {
      // What is not known may have been anything.
      walking.producers.clear();
      last = undefined;
      continue;
    }
    const written = operations.written.get(slot.name);
    const op = written?.attempts[0];
    // A fork inherits events, not what its source remembers of their writers.
    if (op === undefined || written?.session !== life.session) continue;
    if (op !== last) begin(walking, op, seq);
    else if ((op.call.events ?? []).indexOf(slot.name) === 0) twice(walking, op, seq);
    last = op;
  }
}

function begin(walking: Walk, op: Operation, seq: number): void {
  const { life, findings } = walking;
  const { producer, streamSeq, matchSeq } = op.call;
  if (producer !== undefined) checkProducer(walking, op, producer);
  if (matchSeq !== undefined && matchSeq !== seq && isFirst(op, life, seq)) {
    const message = `appended at seq ${seq} on the condition that it is ${matchSeq}`;
    findings.add('conflicting-conditions', life.session, { message, ops: [op.call.op] });
  }
  if (streamSeq === undefined) return;
  const known = walking.streamSeq;
  if (known !== undefined && streamSeq <= known.text) {
    const message = `Stream-Seq ${streamSeq} stands behind ${known.text}`;
    const ops = [known.op.call.op, op.call.op];
    findings.add('conflicting-conditions', life.session, { message, ops });
  }
  walking.streamSeq = { text: streamSeq, op };
}

const isFirst = ({ call }: Operation, life: Life, seq: number): boolean =>
  call.events?.[0] === life.slots[seq]?.name;

function twice({ life, findings }: Walk, op: Operation, seq: number): void {
  const message = `the same append begins again at seq ${seq}`;
  findings.add('event-twice', life.session, { message, ops: [op.call.op] });
}

const mayBeForgotten = (before: Operation, op: Operation): boolean =>
  (op.answer?.ms ?? 0) - (before.call.ms ?? Number.POSITIVE_INFINITY) >= rememberedMs;

function checkProducer(walking: Walk, op: Operation, stamp: Stamp): void {
  const { life, findings, producers } = walking;
  const known = producers.get(stamp.id);
  producers.set(stamp.id, { stamp, op });
  if (known === undefined || mayBeForgotten(known.op, op)) return;
  const isNext =
    stamp.epoch === known.stamp.epoch
      ? stamp.seq === known.stamp.seq + 1
      : stamp.epoch > known.stamp.epoch && stamp.seq === 0;
  if (isNext) return;
  const text = ({ epoch, seq }: Stamp): string => `${epoch}:${seq}`;
  const message = `producer ${stamp.id}: ${text(stamp)} stands behind ${text(known.stamp)}`;
  const ops = [known.op.call.op, op.call.op];
  findings.add('producer-order', life.session, { message, ops });
}
