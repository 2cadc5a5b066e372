import {
  headerOf,
  isClosedHeader,
  naturalHeader,
  streamNameOf,
  streamPrefix,
} from '@tidemark/edge';
import { defaultContentType, Problem, parseContentType } from '@tidemark/protocol';
import type { CreateRequest, ForkPoint } from '@tidemark/replica/write';
import { eventsIn } from './append-request.ts';
import { lifetimeOf } from './lifetime.ts';

type Headers = Parameters<typeof headerOf>[0];

export function forkPointOf(headers: Headers): ForkPoint | undefined {
  const source = headerOf(headers, 'stream-forked-from');
  const offset = headerOf(headers, 'stream-fork-offset');
  const subOffset = naturalHeader(headers, 'stream-fork-sub-offset');
  if (source === undefined) {
    if (offset === undefined && subOffset === undefined) return undefined;
    throw new Problem('invalid-request', 'a fork point needs Stream-Forked-From');
  }
  const path = source.startsWith('/') ? source : `${streamPrefix}${source}`;
  return { source: streamNameOf(path), offset, subOffset: subOffset ?? 0 };
}

/** `sourceType` is what a fork without a Content-Type of its own takes. */
export function parseCreate(
  headers: Headers,
  body: Uint8Array,
  sourceType: string | undefined,
): CreateRequest {
  const given = headerOf(headers, 'content-type');
  const contentType = given === undefined ? undefined : parseContentType(given);
  const effective = contentType ?? sourceType ?? defaultContentType;
  return {
    contentType,
    ...lifetimeOf(headers),
    isClosed: isClosedHeader(headers),
    ...(body.length === 0 ? { events: [] } : eventsIn(body, effective)),
    fork: forkPointOf(headers),
  };
}
