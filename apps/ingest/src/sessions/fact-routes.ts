import { bodyOf, type Edge, type EdgeRequest, headerOf, parseNatural } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import { decideDeleteFact, decidePutFact } from '@tidemark/session';
import { parseJson, sessionPrefixes } from '@tidemark/sessions-api';
import { textOf } from '@tidemark/std';
import { parameterIn, type SessionWriteParts, subjectOf, submit } from './parts.ts';

/** Durable facts: small values by key, which compare and swap by their version. */
export function addFactWrites(edge: Edge, parts: SessionWriteParts): void {
  for (const prefix of sessionPrefixes) {
    edge.put(`${prefix}/:session/facts/:key`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const key = parameterIn(request, 'key');
      const body = bodyOf(request);
      parseJson(body);
      const fact = { key, value: textOf(body), version: expectedVersion(request) };
      const version = await submit(parts, subject, decidePutFact(fact, subject.actor));
      return reply.header('etag', `"${String(version)}"`).send({ key, version });
    });

    edge.delete(`${prefix}/:session/facts/:key`, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const fact = { key: parameterIn(request, 'key'), version: expectedVersion(request) };
      await submit(parts, subject, decideDeleteFact(fact, subject.actor));
      return reply.code(204).send();
    });
  }
}

/** Of `If-Match`; 0 of `If-None-Match: *`, which a fact has that is not there. */
function expectedVersion({ headers }: EdgeRequest): number | undefined {
  const match = headerOf(headers, 'if-match');
  const none = headerOf(headers, 'if-none-match');
  if (none !== undefined) {
    if (none.trim() === '*' && match === undefined) return 0;
    throw new Problem('invalid-request', 'If-None-Match is * here');
  }
  if (match === undefined || match.trim() === '*') return undefined;
  const version = /^"?(\d{1,15})"?$/.exec(match.trim())?.[1];
  if (version !== undefined) return parseNatural(version, 'If-Match');
  throw new Problem('invalid-request', 'If-Match is the version of a fact');
}
