// What the routes of sessions share: whose request it is, which session it names, and how it is told
// behind a write.

import { type EdgeRequest, type Tenancy, tokenOf } from '@tidemark/edge';
import { Problem, parseSessionName, type SessionName } from '@tidemark/protocol';
import type { Shards, Tenant } from '@tidemark/replica';
import type { SessionWrites, Writers } from '@tidemark/replica/write';
import { type Actor, type FactDecision, liveStream, requestIdUnder } from '@tidemark/session';
import { type LiveSession, liveSessionOf } from '@tidemark/sessions-api';

export interface SessionWriteParts {
  readonly tenancy: Tenancy;
  readonly shards: Shards;
  readonly writes: SessionWrites;
  readonly writers: Writers;
}

/** A session that a request is about, and who asks. */
export interface Subject {
  readonly tenant: Tenant;
  readonly name: SessionName;
  readonly actor: Actor;
  /** Who may not may only steer. */
  readonly mayAppend: boolean;
}

const parameterIn = ({ params }: EdgeRequest, name: string): string =>
  (params as Readonly<Record<string, string>>)[name] ?? '';

export const sessionIn = (request: EdgeRequest): SessionName =>
  parseSessionName(parameterIn(request, 'session'));

export { parameterIn };

export async function subjectOf(
  { tenancy }: SessionWriteParts,
  request: EdgeRequest,
): Promise<Subject> {
  const { tenant, by, scopes } = await tenancy.identityOf(request);
  const key = tokenOf(request.headers, 'idempotency-key');
  const actor = { by, requestId: requestIdUnder(request.id, key) };
  return { tenant, name: sessionIn(request), actor, mayAppend: scopes.has('append') };
}

/** Decides on the session's state, and waits until that stands. */
export async function submit(
  { writes }: SessionWriteParts,
  { tenant, name }: Pick<Subject, 'tenant' | 'name'>,
  decide: FactDecision,
): Promise<unknown> {
  const reply = await writes.submit(tenant, name, { kind: 'fact', decide });
  return reply.kind === 'answer' ? reply.answer : undefined;
}

/** The session as this process has it: behind its own writes. */
export function tell<T>(
  { shards }: SessionWriteParts,
  { tenant, name }: Pick<Subject, 'tenant' | 'name'>,
  as: (live: LiveSession) => T,
): Promise<T> {
  const { replica, key } = shards.locate(tenant, name);
  return replica.with(key, ({ state }) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) throw stream;
    return as(liveSessionOf(state, stream, shards.parts.clock.nowMs()));
  });
}
