// A large answer whose end is still being fetched while its beginning is sent. How long it is stands in its head.
//
// (1) One piece at most waits for the reader, and counts into what readers are owed; the next is taken once that one
//     is gone. A reader that takes nothing for 30 s is left.
// (2) What does not come, or comes as another length than was told, ends the connection: no reader takes a part for
//     the whole.

import type { ServerResponse } from 'node:http';
import { Problem } from '@tidemark/protocol';
import { assert } from '@tidemark/std';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Admission, leaveStalled } from './admission.ts';
import { noteFailure, type ProblemContext } from './problem-reply.ts';
import { admissionOf, type HeaderPairs, type RawBody } from './raw-answer.ts';

export interface OngoingBody extends RawBody {
  /** What follows the pieces; `lengthBytes` has all of it. */
  readonly later: AsyncIterable<readonly Uint8Array[]>;
}

/** Resolves once all of it is sent, or cannot be. Throws where there is no room to begin. */
export async function sendOngoing(
  reply: FastifyReply,
  status: number,
  { headers, body }: { readonly headers: HeaderPairs; readonly body: OngoingBody },
): Promise<void> {
  const { raw, request, server } = reply;
  const admission = admissionOf(server);
  const giveBack = admission.lend(raw, body.pieces);
  if (giveBack === undefined) throw new Problem('overloaded', 'too much is under way');
  headers.push('request-id', request.id, 'content-length', String(body.lengthBytes));
  reply.hijack();
  leaveStalled(raw);
  raw.writeHead(status, headers);
  const sending = { admission, raw, leftBytes: body.lengthBytes };
  try {
    await write(sending, body.pieces);
    giveBack();
    for await (const pieces of body.later) await lendAndWrite(sending, pieces);
    assert(sending.leftBytes === 0, longAsTold);
    raw.end();
  } catch (cause) {
    noteFailure(cause, request.id, contextOf(server));
    raw.destroy();
  } finally {
    giveBack();
  }
}

const contextOf = (edge: FastifyInstance): ProblemContext =>
  (edge as FastifyInstance & { readonly problemContext: ProblemContext }).problemContext;

const longAsTold = 'an answer is as long as its head says';

interface Sending {
  readonly admission: Admission;
  readonly raw: ServerResponse;
  leftBytes: number;
}

async function lendAndWrite(sending: Sending, pieces: readonly Uint8Array[]): Promise<void> {
  const giveBack = sending.admission.lend(sending.raw, pieces);
  if (giveBack === undefined) throw new Problem('overloaded', 'too much is under way');
  try {
    await write(sending, pieces);
  } finally {
    giveBack();
  }
}

/** Resolves once the reader has taken them, as far as one sees from here. */
function write(sending: Sending, pieces: readonly Uint8Array[]): Promise<void> {
  const { admission, raw } = sending;
  const lengthBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  sending.leftBytes -= lengthBytes;
  assert(sending.leftBytes >= 0, longAsTold);
  return new Promise((resolve, reject) => {
    const gone = (): void => {
      leaveTurn();
      reject(new Problem('unavailable', 'the reader has gone'));
    };
    const leaveTurn = admission.turn(lengthBytes, () => {
      raw.cork();
      for (const piece of pieces.slice(0, -1)) raw.write(piece);
      raw.write(pieces.at(-1) ?? '', (cause) => {
        raw.off('close', gone);
        if (cause) reject(cause);
        else resolve();
      });
      raw.uncork();
    });
    if (raw.destroyed) gone();
    else raw.once('close', gone);
  });
}
