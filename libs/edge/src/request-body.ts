// The body of a request as one piece of memory of its own. However small the chunks are in which it
// comes, it takes no more than twice its length.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { limits, Problem } from '@tidemark/protocol';
import type { Admission } from './admission.ts';

const firstBytesMax = 64 * 1024;
/** Where the length is not announced. */
const firstBytes = 4 * 1024;
const nothing = Buffer.alloc(0);

const tooLarge = (): Problem =>
  new Problem('too-large', 'the body is over the limit', {
    facts: { limit: 'bodyBytesMax', limitBytes: limits.bodyBytesMax },
  });

/** On the request itself: whom it waits for, before it sends its body. */
const waitingFor = Symbol('waiting for');
type Waiting = IncomingMessage & { [waitingFor]?: ServerResponse };

/** A client that asks first (`Expect: 100-continue`) is invited once its body is wanted. */
export function inviteLater(incoming: Waiting, outgoing: ServerResponse): void {
  incoming[waitingFor] = outgoing;
}

type Done = (error: Error | null, body?: Uint8Array) => void;

export function readBody(payload: IncomingMessage, admission: Admission, done: Done): void {
  const announced = Number(payload.headers['content-length'] ?? Number.NaN);
  if (announced > limits.bodyBytesMax) return done(tooLarge());
  (payload as Waiting)[waitingFor]?.writeContinue();
  /** As it came where it came as one chunk, which has memory of its own. */
  let body: Buffer = nothing;
  let length = 0;
  const fail = (error: Error): void => {
    payload.off('data', onData);
    payload.off('end', onEnd);
    payload.off('error', onError);
    done(error);
  };
  const onData = (chunk: Buffer): void => {
    if (length + chunk.length > limits.bodyBytesMax) return fail(tooLarge());
    const problem = admission.hold(payload, chunk.length);
    if (problem !== undefined) return fail(problem);
    if (length === 0) {
      body = chunk;
    } else {
      if (length + chunk.length > body.length) {
        body = grown(body, length + chunk.length, announced);
      }
      body.set(chunk, length);
    }
    length += chunk.length;
  };
  const onEnd = (): void => done(null, length === body.length ? body : body.subarray(0, length));
  const onError = (cause: Error): void =>
    fail(new Problem('invalid-request', 'the body was cut off', { cause }));
  payload.on('data', onData);
  payload.on('end', onEnd);
  payload.on('error', onError);
}

/** At first what was announced, within reason; then twice as much each time. */
function grown(body: Buffer, bytesMin: number, announced: number): Buffer {
  const first = Math.min(announced || firstBytes, firstBytesMax);
  const larger = Buffer.allocUnsafeSlow(
    Math.min(Math.max(bytesMin, first, body.length * 2), limits.bodyBytesMax),
  );
  body.copy(larger);
  return larger;
}
