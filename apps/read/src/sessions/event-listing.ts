// A session's events, page by page, in both orders. A page goes on until it has what was asked for, or
// to the end: it is never empty where there is more.

import { type EdgeReply, headerPairs, sendRaw } from '@tidemark/edge';
import { isStart, jsonTypeOf, limits, parseTimestamp } from '@tidemark/protocol';
import { positionIn } from '@tidemark/replica';
import { behindHead, cursorAt } from '@tidemark/session';
import {
  isWithin,
  type Order,
  pageText,
  processedAtOf,
  type TimeRange,
} from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { tellerOf } from '../audience.ts';
import type { StreamView } from '../stream-view.ts';
import type { SessionReadParts } from './parts.ts';

export interface EventFilter {
  /** All, where there is none. */
  readonly types: ReadonlySet<string>;
  readonly processed: TimeRange;
}

export interface ListRequest {
  readonly order: Order;
  readonly limit: number;
  /** A cursor; undefined at the beginning of the order. */
  readonly page: string | undefined;
  readonly filter: EventFilter;
  /** The seq of each is told beside them: of a filtered page nobody can count it. */
  readonly tellsSeqs: boolean;
  /** Both ends of what is listed at all; the second exclusive. */
  readonly firstSeq: number;
  readonly endSeq: number;
}

export interface ListedEvent {
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface Listing {
  readonly events: readonly ListedEvent[];
  /** Where the next page begins; undefined where there is none. */
  readonly nextSeq: number | undefined;
}

/** Events that are looked at in one step: then others have their turn. */
const stepEventsMax = 1_024;

const isAll = ({ types, processed }: EventFilter): boolean =>
  types.size === 0 && processed.fromMs === -Infinity && processed.toMs === Infinity;

function isListed({ types, processed }: EventFilter, body: Uint8Array): boolean {
  if (types.size > 0 && !types.has(jsonTypeOf(body) ?? '')) return false;
  if (processed.fromMs === -Infinity && processed.toMs === Infinity) return true;
  const atMs = parseTimestamp(processedAtOf(body) ?? '');
  return atMs !== undefined && isWithin(processed, atMs);
}

export async function listEvents(
  parts: SessionReadParts,
  view: StreamView,
  request: ListRequest,
): Promise<Listing> {
  const { order, limit, filter } = request;
  const stream = view.present;
  const { head } = stream.aspects.keeping;
  const first = Math.min(Math.max(request.firstSeq, head.seq), stream.tailSeq);
  const end = Math.min(request.endSeq, stream.tailSeq);
  const events: ListedEvent[] = [];
  let bytes = 0;
  let at = startOf(view, request, { first, end });
  for (;;) {
    if (order === 'asc' ? at >= end : at <= first) return { events, nextSeq: undefined };
    const count = Math.min(stepEventsMax, isAll(filter) ? limit - events.length : stepEventsMax);
    const span =
      order === 'asc'
        ? ([at, Math.min(at + count, end)] as const)
        : ([Math.max(first, at - count), at] as const);
    const step = await eventsBetween(parts, view, span);
    if (order === 'desc') step.reverse();
    for (const event of step) {
      at = order === 'asc' ? event.seq + 1 : event.seq;
      if (!isListed(filter, event.body)) continue;
      events.push(event);
      bytes += event.body.length;
      if (events.length < limit && bytes < limits.readBytesMax) continue;
      const isOver = order === 'asc' ? at >= end : at <= first;
      return { events, nextSeq: isOver ? undefined : at };
    }
  }
}

function startOf(
  view: StreamView,
  { order, page }: ListRequest,
  { first, end }: { readonly first: number; readonly end: number },
): number {
  if (page === undefined) return order === 'asc' ? first : end;
  const stream = view.present;
  const position = isStart(page) ? first : positionIn(stream, page);
  if (position < stream.aspects.keeping.head.position) throw behindHead(stream);
  return order === 'asc' ? Math.max(first, position) : Math.min(end, position);
}

/** All of them, as they are told, however many reads that takes. */
async function eventsBetween(
  { shards }: SessionReadParts,
  view: StreamView,
  [firstSeq, endSeq]: readonly [number, number],
): Promise<ListedEvent[]> {
  const tell = tellerOf(view.share);
  const events: ListedEvent[] = [];
  for (let seq = firstSeq; seq < endSeq; ) {
    const bounds = { position: seq, bytesMax: limits.readBytesMax, eventsMax: endSeq - seq };
    const range =
      shards.reader.readHot(view.session, bounds) ??
      (await shards.reader.read(view.source, bounds));
    const stream = view.present;
    for (const body of range.split()) {
      events.push({ seq, body: tell(stream, seq, body) });
      seq += 1;
    }
  }
  return events;
}

const [head, comma, middle] = [bytesOf('{"data":['), bytesOf(','), bytesOf('],"next_page":')];

export function sendListing(
  reply: EdgeReply,
  view: StreamView,
  { listing, asked }: { readonly listing: Listing; readonly asked: ListRequest },
): void {
  const { events, nextSeq } = listing;
  const { order, tellsSeqs } = asked;
  const seqs = tellsSeqs ? `,"seqs":[${events.map(({ seq }) => seq).join(',')}]` : '';
  const stream = view.present;
  const nextPage = nextSeq === undefined ? null : pageText(order, cursorAt(stream, nextSeq));
  const pieces = [
    head,
    ...events.flatMap(({ body }, index) => (index === 0 ? [body] : [comma, body])),
    middle,
    bytesOf(`${JSON.stringify(nextPage)}${seqs}}`),
  ];
  let lengthBytes = 0;
  for (const { length } of pieces) lengthBytes += length;
  const headers = headerPairs();
  headers.push('content-type', 'application/json', 'cache-control', 'no-store');
  if (order === 'asc') {
    headers.push('stream-next-offset', cursorAt(stream, nextSeq ?? stream.tailSeq));
    if (nextSeq === undefined) headers.push('stream-up-to-date', 'true');
  }
  sendRaw(reply, 200, { headers, body: { pieces, lengthBytes } });
}
