import { headerOf, isClosedHeader, naturalHeader, tokenOf } from '@tidemark/edge';
import {
  JsonSyntaxError,
  jsonMessages,
  limits,
  Problem,
  parseContentType,
} from '@tidemark/protocol';
import { type AppendCommand, isJsonType, type ProducerStamp } from '@tidemark/session';

type Headers = Parameters<typeof headerOf>[0];

/** The events in a body: the messages of JSON, or the bytes as one. */
export function eventsIn(body: Uint8Array, contentType: string): readonly Uint8Array[] {
  if (!isJsonType(contentType)) return body.length === 0 ? [] : [body];
  const events = messagesIn(body);
  if (events !== undefined) return events;
  const detail = `at most ${limits.appendEventsMax} events an append`;
  const facts = { limit: 'appendEventsMax', limitBytes: limits.appendEventsMax };
  throw new Problem('too-large', detail, { facts });
}

/** Undefined where there are too many. */
function messagesIn(body: Uint8Array): Uint8Array[] | undefined {
  try {
    return jsonMessages(body, limits.appendEventsMax);
  } catch (cause) {
    if (cause instanceof JsonSyntaxError) {
      throw new Problem('invalid-json', `the body is not JSON: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

/** All three headers, or none. */
function producerOf(headers: Headers): ProducerStamp | undefined {
  const id = headerOf(headers, 'producer-id');
  const epoch = headerOf(headers, 'producer-epoch');
  const seq = headerOf(headers, 'producer-seq');
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (id === undefined || epoch === undefined || seq === undefined) {
    const detail = 'Producer-Id, Producer-Epoch and Producer-Seq come together';
    throw new Problem('invalid-request', detail);
  }
  return {
    id: tokenOf(headers, 'producer-id') ?? '',
    epoch: naturalHeader(headers, 'producer-epoch') ?? 0,
    seq: naturalHeader(headers, 'producer-seq') ?? 0,
  };
}

function eventIdsOf(headers: Headers, count: number): readonly string[] | undefined {
  const text = headerOf(headers, 'stream-event-ids');
  if (text === undefined) return undefined;
  const ids = text.split(',').map((id) => id.trim());
  const isFit = ids.every((id) => id !== '' && id.length <= limits.tokenBytesMax);
  if (isFit && ids.length === count && new Set(ids).size === count) return ids;
  throw new Problem('invalid-request', 'Stream-Event-Ids names each event once, in order');
}

export function parseAppend(headers: Headers, body: Uint8Array): AppendCommand {
  const close = isClosedHeader(headers);
  const producer = producerOf(headers);
  if (body.length === 0 && !close) {
    throw new Problem('invalid-request', 'an append has a body');
  }
  const contentType = body.length === 0 ? undefined : contentTypeOf(headers);
  const events = contentType === undefined ? [] : eventsIn(body, contentType);
  if (body.length > 0 && events.length === 0) {
    throw new Problem('invalid-request', 'an empty array appends nothing');
  }
  return {
    kind: 'append',
    contentType,
    events,
    close,
    producer,
    streamSeq: tokenOf(headers, 'stream-seq'),
    matchSeq: naturalHeader(headers, 'stream-match-seq'),
    key: tokenOf(headers, 'idempotency-key'),
    eventIds: eventIdsOf(headers, events.length),
  };
}

function contentTypeOf(headers: Headers): string {
  const text = headerOf(headers, 'content-type');
  if (text === undefined) throw new Problem('invalid-request', 'a body needs a Content-Type');
  return parseContentType(text);
}
