import { type EdgeRequest, shareRefusal, type Tenancy } from '@tidemark/edge';
import { Problem, parseSessionName, type SessionName } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import type { Share } from '@tidemark/session';
import type { SessionSearch } from '@tidemark/session-search';
import {
  type Fields,
  type LiveSession,
  liveSessionOf,
  sessionObject,
  sharedSessionObject,
} from '@tidemark/sessions-api';
import type { SseParts } from '../sse.ts';
import { type ReadParts, StreamView } from '../stream-view.ts';
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
  /** All that is shown of it; undefined where that is all of it. */
  readonly share: Share | undefined;
}

export async function subjectOf(
  { tenancy }: SessionReadParts,
  request: EdgeRequest,
): Promise<Subject> {
  const { tenant, share } = await tenancy.identityOf(request);
  return { tenant, name: parseSessionName(parameterIn(request, 'session')), share };
}

/** The session as it is at some moment after the request came. */
export function openView(
  parts: SessionReadParts,
  { tenant, name, share }: Subject,
): Promise<StreamView> {
  return StreamView.open(parts, tenant, { name, mustBeCurrent: true, share });
}

/** A session's events are JSON; of other streams only what they are can be told here. */
export function checkJson({ present }: StreamView): void {
  if (present.isJson) return;
  const detail = 'its messages are not JSON: read it as a stream, under /v1/stream/';
  throw new Problem('content-type-mismatch', detail);
}

export const liveOf = ({ shards }: ReadParts, view: StreamView): LiveSession =>
  liveSessionOf(view.session.state, view.present, shards.parts.clock.nowMs());

export function toldSession(parts: ReadParts, view: StreamView): Fields {
  const live = liveOf(parts, view);
  return view.share === undefined ? sessionObject(live) : sharedSessionObject(live, view.share);
}

/** What of a listing may be asked where a share is shown: all else of it knows no share. */
const askedOfShares =
  /^(token|order|limit|page|after|last|(from|to)_seq|seqs|types?(\[\])?|created_at\[[gl]te?\])$/;

export function checkAsked({ share }: StreamView, query: URLSearchParams): void {
  if (share === undefined) return;
  if (![...query.keys()].every((name) => askedOfShares.test(name))) throw shareRefusal();
}
