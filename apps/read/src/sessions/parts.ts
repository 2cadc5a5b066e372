import type { EdgeRequest, Tenancy } from '@tidemark/edge';
import { Problem, parseSessionName, type SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import type { SessionSearch } from '@tidemark/session-search';
import { type LiveSession, liveSessionOf } from '@tidemark/sessions-api';
import type { SseParts } from '../sse.ts';
import { StreamView } from '../stream-view.ts';
import type { Previews } from './previews.ts';
import type { SessionFrames } from './session-stream.ts';

export interface SessionReadParts extends SseParts {
  readonly tenancy: Tenancy;
  readonly sessionFrames: SessionFrames;
  readonly previews: Previews;
  /** Where there are tables to search. */
  readonly search: SessionSearch | undefined;
}

export const parameterIn = ({ params }: EdgeRequest, name: string): string =>
  (params as Readonly<Record<string, string>>)[name] ?? '';

export interface Subject {
  readonly tenant: Tenant;
  readonly name: SessionName;
}

export async function subjectOf(
  { tenancy }: SessionReadParts,
  request: EdgeRequest,
): Promise<Subject> {
  const tenant = await tenancy.tenantOf(request);
  return { tenant, name: parseSessionName(parameterIn(request, 'session')) };
}

/** The session as it is at some moment after the request came. */
export function openView(parts: SessionReadParts, { tenant, name }: Subject): Promise<StreamView> {
  return StreamView.open(parts, tenant, { name, mustBeCurrent: true });
}

/** A session's events are JSON; of other streams only what they are can be told here. */
export function checkJson({ present }: StreamView): void {
  if (present.isJson) return;
  const detail = 'its messages are not JSON: read it as a stream, under /v1/stream/';
  throw new Problem('content-type-mismatch', detail);
}

export const liveOf = ({ shards }: SessionReadParts, view: StreamView): LiveSession =>
  liveSessionOf(view.session.state, view.present, shards.parts.clock.nowMs());
