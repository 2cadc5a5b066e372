// Client tokens: for a browser, or whoever else is to see one session and nothing else.

import { clientScopes, formatClientToken, hashKey, isScope, type Scope } from '@tidemark/auth';
import { bodyOf, type Edge } from '@tidemark/edge';
import { limits, Problem, timestampText } from '@tidemark/protocol';
import {
  decideAddToken,
  decideRevokeToken,
  type ShareEntry,
  type TokenEntry,
} from '@tidemark/session';
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
      const data = tokens.map(({ createdAtMs, ...entry }) => ({
        ...toldToken(entry),
        created_at: timestampText(createdAtMs),
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
  readonly share?: ShareEntry | undefined;
}

/** Without its secret, which nobody is told again. */
interface ToldToken {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly expires_at: string;
  readonly share?: Fields;
}

function toldToken({
  id,
  scopes,
  share,
  endsAtMs,
}: Omit<TokenEntry, 'hash' | 'createdAtMs'>): ToldToken {
  const told = { id, expires_at: timestampText(endsAtMs) };
  if (share === undefined) return { ...told, scopes };
  const { firstSeq: first_seq, lastSeq: last_seq = null, isRedacted: redacted } = share;
  return { ...told, scopes: ['read'], share: { first_seq, last_seq, redacted } };
}

/** Told once, here. */
export async function mintToken(
  parts: TokenParts,
  subject: Omit<Subject, 'mayAppend'>,
  { scopes, seconds, share }: TokenRequest,
): Promise<ToldToken & { readonly token: string }> {
  const secret = base32Of(parts.randomBytes(secretBytes));
  const id = idOf('tok', parts.writers.newId());
  const createdAtMs = parts.shards.parts.clock.nowMs();
  const endsAtMs = createdAtMs + seconds * 1_000;
  const common = { id, hash: hashKey(secret), createdAtMs, endsAtMs };
  // Without scopes, so that a process that does not know of shares opens nothing for it.
  const entry = share === undefined ? { ...common, scopes } : { ...common, scopes: [], share };
  await submit(parts, subject, decideAddToken(entry, subject.actor));
  const token = formatClientToken({ tenant: subject.tenant.id, session: subject.name, id, secret });
  return { ...toldToken(entry), token };
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
  return { scopes, seconds, share: shareIn(fields, scopes) };
}

function shareIn(fields: Fields, scopes: readonly Scope[]): ShareEntry | undefined {
  const { redacted: isRedacted = false } = fields;
  if (typeof isRedacted !== 'boolean') throw malformed('redacted is true or false');
  const first = countField(fields, 'first_seq');
  const lastSeq = countField(fields, 'last_seq');
  if (first === undefined && lastSeq === undefined && !isRedacted) return undefined;
  if (scopes.some((scope) => scope !== 'read')) throw malformed('a share is for the scope read');
  const firstSeq = first ?? 0;
  if (lastSeq === undefined) return { firstSeq, isRedacted };
  if (lastSeq < firstSeq) throw malformed('last_seq is first_seq or behind it');
  return { firstSeq, lastSeq, isRedacted };
}
