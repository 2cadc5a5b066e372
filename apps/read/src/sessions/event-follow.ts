// A session's events followed where they are listed: by `live=sse` or `live=long-poll` behind an `offset`, as
// streams are followed.

import { type EdgeReply, type EdgeRequest, sendRaw } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import type { Answer } from '../catch-up.ts';
import { goLiveBy } from '../live-grant.ts';
import { nothingNew, untilMore } from '../long-poll.ts';
import { parseRead, type ReadRequest, type ReadStart } from '../read-request.ts';
import { serveEvents } from '../sse.ts';
import type { StreamView } from '../stream-view.ts';
import { type ListRequest, listEvents, sendListing } from './event-listing.ts';
import type { SessionReadParts } from './parts.ts';

/** Where a listing begins that is asked for by an offset: `-1` is the beginning, `now` the end. */
export function offsetIn(query: URLSearchParams): ReadStart | undefined {
  const offset = query.get('offset');
  if (offset === null || offset === '-1') return undefined;
  return offset === 'now' ? { kind: 'now' } : { kind: 'cursor', offset };
}

export async function followEvents(
  parts: SessionReadParts,
  view: StreamView,
  exchange: {
    readonly request: EdgeRequest;
    readonly reply: EdgeReply;
    readonly asked: ListRequest;
  },
): Promise<void> {
  const { request, reply, asked } = exchange;
  if (asked.order === 'desc') throw new Problem('invalid-request', 'what is live comes in order');
  const read = parseRead(request.raw.url ?? '');
  const goLive = await goLiveBy(parts.tenancy, request);
  const answer = { request, reply, isShared: false, goLive };
  if (read.live === 'sse') return serveEvents(parts, view, { read, answer });
  return waitForEvents(parts, view, { read, answer, asked });
}

async function waitForEvents(
  parts: SessionReadParts,
  view: StreamView,
  {
    read,
    answer,
    asked,
  }: { readonly read: ReadRequest; readonly answer: Answer; readonly asked: ListRequest },
): Promise<void> {
  const position = await view.positionOf(read.start);
  await untilMore(parts, view, { position, answer });
  if (view.present.tailPosition === position) {
    return sendRaw(answer.reply, 204, { headers: nothingNew(parts, view.present, read) });
  }
  const from = { ...asked, page: undefined, firstSeq: Math.max(asked.firstSeq, position) };
  const listing = await listEvents(parts, view, from);
  sendListing(answer.reply, view, { listing, asked: from });
}
