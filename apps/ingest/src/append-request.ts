import { headerOf, isClosedHeader, naturalHeader, tokenOf } from '@tidemark/edge';
import {
  type JsonMessages,
  JsonSyntaxError,
  jsonMessages,
  limits,
  Problem,
  parseContentType,
} from '@tidemark/protocol';
import {
  type AppendCommand,
  type GivenEvents,
  isJsonType,
  isNoted,
  noteOf,
  type ProducerStamp,
} from '@tidemark/session';
import { textOf } from '@tidemark/std';

type Headers = Parameters<typeof headerOf>[0];

/** The events in a body: the messages of JSON with what they say of the session, or the bytes as one. */
export function eventsIn(body: Uint8Array, contentType: string): GivenEvents {
  if (!isJsonType(contentType)) return { events: body.length === 0 ? [] : [body] };
  const messages = messagesIn(body);
  if (messages !== undefined) return described(messages);
  const detail = `at most ${limits.appendEventsMax} events an append`;
  const facts = { limit: 'appendEventsMax', limitBytes: limits.appendEventsMax };
  throw new Problem('too-large', detail, { facts });
}

function described({ bodies: events, types, joined }: JsonMessages): GivenEvents {
  if (types === undefined) return { events, joined };
  const notes = types.some((type) => type !== undefined && isNoted(type))
    ? types.map((type, index) => noteOfBody(type, events[index]))
    : undefined;
  return { events, joined, types, notes };
}

const noteOfBody = (type: string | undefined, body: Uint8Array | undefined): string | undefined =>
  type === undefined || body === undefined || !isNoted(type)
    ? undefined
    : noteOf(type, JSON.parse(textOf(body)));

/** Undefined where there are too many. */
function messagesIn(body: Uint8Array): JsonMessages | undefined {
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
  const given = contentType === undefined ? { events: [] } : eventsIn(body, contentType);
  if (body.length > 0 && given.events.length === 0) {
    throw new Problem('invalid-request', 'an empty array appends nothing');
  }
  return {
    kind: 'append',
    contentType,
    ...given,
    close,
    producer,
    streamSeq: tokenOf(headers, 'stream-seq'),
    matchSeq: naturalHeader(headers, 'stream-match-seq'),
    key: tokenOf(headers, 'idempotency-key'),
    eventIds: eventIdsOf(headers, given.events.length),
  };
}

function contentTypeOf(headers: Headers): string {
  const text = headerOf(headers, 'content-type');
  if (text === undefined) throw new Problem('invalid-request', 'a body needs a Content-Type');
  return parseContentType(text);
}
