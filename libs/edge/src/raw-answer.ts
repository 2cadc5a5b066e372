// Answers on the hot routes go past fastify: one head, written at once, and pieces as they lie in
// memory.

import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Admission, largeAnswerBytes, leaveStalled } from './admission.ts';

/** On every answer: against sniffing, and against pages that embed it. `Origins` adds who may read it. */
export const commonHeaders = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const commonPairs: readonly string[] = Object.entries(commonHeaders).flat();

/** Names and values in turn, as Node writes them. */
export type HeaderPairs = string[];

export const headerPairs = (): HeaderPairs => [...commonPairs];

/** What is sent, piece by piece, and how long it is: nothing is copied. */
export interface RawBody {
  readonly pieces: readonly Uint8Array[];
  readonly lengthBytes: number;
}

export function sendRaw(
  reply: FastifyReply,
  status: number,
  { headers, body }: { readonly headers: HeaderPairs; readonly body?: RawBody | undefined },
): void {
  const { raw } = reply;
  headers.push('request-id', reply.request.id);
  if (body === undefined) {
    reply.hijack();
    raw.writeHead(status, headers).end();
    return;
  }
  headers.push('content-length', String(body.lengthBytes));
  const send = (): void => {
    raw.writeHead(status, headers);
    writePieces(raw, body.pieces);
  };
  if (body.lengthBytes < largeAnswerBytes) {
    reply.hijack();
    send();
    if (raw.writableLength > 0) leaveStalled(raw);
    return;
  }
  // Throws where there is no room, while fastify can still answer.
  admissionOf(reply.server).owe(raw, { ...body, send });
  reply.hijack();
}

function writePieces(raw: ServerResponse, pieces: readonly Uint8Array[]): void {
  if (pieces.length <= 1) {
    raw.end(pieces[0]);
    return;
  }
  raw.cork();
  for (const piece of pieces) raw.write(piece);
  raw.end();
  raw.uncork();
}

/** Unique in this process by the count, and among processes by the prefix. */
export function createRequestIds(prefix: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `req_${prefix}${count.toString(36).padStart(8, '0')}`;
  };
}

export const admissionOf = (edge: FastifyInstance): Admission =>
  (edge as FastifyInstance & { readonly admission: Admission }).admission;
