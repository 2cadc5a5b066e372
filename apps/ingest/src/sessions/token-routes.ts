// Client tokens: for a browser, or whoever else is to see one session and nothing else.

import { clientScopes, formatClientToken, hashKey, isScope, type Scope } from '@tidemark/auth';
import { bodyOf, type Edge } from '@tidemark/edge';
import { limits, Problem, timestampText } from '@tidemark/protocol';
import { decideAddToken, decideRevokeToken } from '@tidemark/session';
import {
  base32Of,
  countField,
  type Fields,
  fieldsOf,
  idOf,
  listField,
  malformed,
  sessionPrefixes,
} from '@tidemark/sessions-api';
import {
  parameterIn,
  type SessionWriteParts,
  type Subject,
  subjectOf,
  submit,
  tell,
} from './parts.ts';

const secondsDefault = 3_600;
const secretBytes = 20;

export interface TokenParts extends SessionWriteParts {
  readonly randomBytes: (count: number) => Uint8Array;
}

export function addTokenRoutes(edge: Edge, parts: TokenParts): void {
  const config = { scope: 'append' } as const;
  for (const prefix of sessionPrefixes) {
    edge.post(`${prefix}/:session/tokens`, { config }, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const asked = parseToken(fieldsOf(bodyOf(request)), subject.mayAppend);
      reply.code(201).header('cache-control', 'no-store');
      return reply.send(await mintToken(parts, subject, asked));
    });

    edge.get(`${prefix}/:session/tokens`, { config }, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      await parts.shards.locate(subject.tenant, subject.name).replica.readIndex();
      const tokens = await tell(parts, subject, ({ stream }) => stream.aspects.tokens);
      const data = tokens.map(({ id, scopes, createdAtMs, endsAtMs }) => ({
        id,
        scopes,
        created_at: timestampText(createdAtMs),
        expires_at: timestampText(endsAtMs),
      }));
      return reply.header('cache-control', 'no-store').send({ data });
    });

    edge.delete(`${prefix}/:session/tokens/:token`, { config }, async (request, reply) => {
      const subject = await subjectOf(parts, request);
      const id = parameterIn(request, 'token');
      await submit(parts, subject, decideRevokeToken(id, subject.actor));
      return reply.code(204).send();
    });
  }
}

export interface TokenRequest {
  readonly scopes: readonly Scope[];
  readonly seconds: number;
}

/** Told once, here. */
export async function mintToken(
  parts: TokenParts,
  subject: Omit<Subject, 'mayAppend'>,
  { scopes, seconds }: TokenRequest,
): Promise<{
  readonly id: string;
  readonly token: string;
  readonly scopes: readonly Scope[];
  readonly expires_at: string;
}> {
  const secret = base32Of(parts.randomBytes(secretBytes));
  const id = idOf('tok', parts.writers.newId());
  const createdAtMs = parts.shards.parts.clock.nowMs();
  const endsAtMs = createdAtMs + seconds * 1_000;
  const entry = { id, hash: hashKey(secret), scopes, createdAtMs, endsAtMs };
  await submit(parts, subject, decideAddToken(entry, subject.actor));
  const token = formatClientToken({ tenant: subject.tenant.id, session: subject.name, id, secret });
  return { id, token, scopes, expires_at: timestampText(endsAtMs) };
}

function parseToken(fields: Fields, mayAppend: boolean): TokenRequest {
  if (!mayAppend) throw new Problem('forbidden', 'a token is made by whoever may append');
  const given = listField(fields, 'scopes', clientScopes.length);
  const scopes = given.length === 0 ? (['read'] as const) : given;
  if (!scopes.every((scope): scope is Scope => isScope(scope) && clientScopes.includes(scope))) {
    throw malformed(`scopes are among ${clientScopes.join(', ')}`);
  }
  const seconds = countField(fields, 'ttl_seconds') ?? secondsDefault;
  const { clientTokenSecondsMin: min, clientTokenSecondsMax: max } = limits;
  if (seconds < min || seconds > max) throw malformed(`ttl_seconds is ${min} to ${max}`);
  return { scopes, seconds };
}
