// The body of a request as one piece of memory of its own. However small the chunks are in which it
// comes, it takes no more than twice its length.

import type { IncomingMessage } from 'node:http';
import { limits, Problem } from '@tidemark/protocol';
import type { Admission } from './admission.ts';

const firstBytesMax = 64 * 1024;
/** Where the length is not announced. */
const firstBytes = 4 * 1024;

const tooLarge = (): Problem =>
  new Problem('too-large', 'the body is over the limit', {
    facts: { limit: 'bodyBytesMax', limitBytes: limits.bodyBytesMax },
  });

type Done = (error: Error | null, body?: Uint8Array) => void;

export function readBody(payload: IncomingMessage, admission: Admission, done: Done): void {
  const announced = Number(payload.headers['content-length'] ?? Number.NaN);
  if (announced > limits.bodyBytesMax) return done(tooLarge());
  let body: Buffer = Buffer.allocUnsafe(Math.min(announced || firstBytes, firstBytesMax));
  let length = 0;
  const end = (error: Error | null): void => {
    payload.off('data', onData);
    payload.off('end', onEnd);
    payload.off('error', onError);
    if (error === null) done(null, body.subarray(0, length));
    else done(error);
  };
  const onData = (chunk: Buffer): void => {
    if (length + chunk.length > limits.bodyBytesMax) return end(tooLarge());
    const problem = admission.hold(payload, chunk.length);
    if (problem !== undefined) return end(problem);
    if (length + chunk.length > body.length) body = grown(body, length + chunk.length);
    body.set(chunk, length);
    length += chunk.length;
  };
  const onEnd = (): void => end(null);
  const onError = (cause: Error): void =>
    end(new Problem('invalid-request', 'the body was cut off', { cause }));
  payload.on('data', onData);
  payload.on('end', onEnd);
  payload.on('error', onError);
}

function grown(body: Buffer, bytesMin: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(
    Math.min(Math.max(bytesMin, body.length * 2), limits.bodyBytesMax),
  );
  body.copy(larger);
  return larger;
}
