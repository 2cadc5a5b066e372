// Traces of agents that only speak OpenTelemetry: an exporter sends them here, and their spans are events of
// sessions. What cannot be taken is told in the answer; what may pass is refused whole, so that it is sent again.

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { bodyOf, type Edge, type EdgeReply, type EdgeRequest, headerOf } from '@tidemark/edge';
import {
  MalformedTraces,
  type Span,
  type SpanEvent,
  sessionIn,
  spanEvents,
  spansInJson,
  spansInWire,
} from '@tidemark/otlp';
import {
  isProblem,
  limits,
  mediaTypeOf,
  Problem,
  parseSessionName,
  timestampText,
} from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { appendOf, parseSent } from '@tidemark/sessions-api';
import { bytesOf, strictTextOf, writeUnsignedVarint } from '@tidemark/std';
import type { SessionWriteParts } from './parts.ts';

const wireType = 'application/x-protobuf';
const unzip = promisify(gunzip);
/** Of a request: the server takes so many events at once, and this leaves room for others. */
const eventsMax = 500;
const bytesMax = 2 * 1024 * 1024;
/** Traces whose session was told by one of their spans: children are often exported before it. */
const rememberedMax = 10_000;

export function addTraces(edge: Edge, parts: SessionWriteParts): void {
  const sessionOfTrace = new Map<string, string>();
  edge.post('/v1/traces', async (request, reply) => {
    const { tenant } = await parts.tenancy.identityOf(request);
    const isWire = mediaTypeOf(headerOf(request.headers, 'content-type') ?? '') === wireType;
    const spans = await spansIn(request, isWire);
    const rejected = await take(parts, { tenant, spans, sessionOfTrace });
    return answer(reply, { isWire, ...rejected });
  });
}

async function spansIn(request: EdgeRequest, isWire: boolean): Promise<readonly Span[]> {
  const body = await unpacked(request);
  try {
    if (isWire) return spansInWire(body);
    const text = strictTextOf(body);
    if (text === undefined) throw new MalformedTraces('not UTF-8');
    return spansInJson(text);
  } catch (cause) {
    if (!(cause instanceof MalformedTraces)) throw cause;
    throw new Problem('invalid-request', `no export request: ${cause.message}`, { cause });
  }
}

async function unpacked(request: EdgeRequest): Promise<Uint8Array> {
  const encoding = headerOf(request.headers, 'content-encoding');
  const body = bodyOf(request);
  if (encoding === undefined || encoding === 'identity') return body;
  if (encoding !== 'gzip') throw new Problem('invalid-request', 'content-encoding is gzip or none');
  try {
    return await unzip(body, { maxOutputLength: limits.bodyBytesMax });
  } catch (cause) {
    throw new Problem('invalid-request', 'not gzip, or more than a body may be', { cause });
  }
}

interface Rejected {
  readonly count: number;
  readonly reason: string;
}

async function take(
  parts: SessionWriteParts,
  {
    tenant,
    spans,
    sessionOfTrace,
  }: {
    readonly tenant: Tenant;
    readonly spans: readonly Span[];
    readonly sessionOfTrace: Map<string, string>;
  },
): Promise<Rejected> {
  for (const span of spans) {
    const named = sessionIn(span);
    const trace = `${tenant.id} ${span.traceId}`;
    if (named === undefined || sessionOfTrace.get(trace) === named) continue;
    if (sessionOfTrace.size >= rememberedMax) sessionOfTrace.clear();
    sessionOfTrace.set(trace, named);
  }
  const bySession = Map.groupBy(spans, (span) => {
    const known = sessionIn(span) ?? sessionOfTrace.get(`${tenant.id} ${span.traceId}`);
    return known ?? `trace-${span.traceId}`;
  });
  let rejected: Rejected = { count: 0, reason: '' };
  for (const [session, own] of bySession) {
    try {
      await tell(parts, { tenant, session, events: spanEvents(own, timestampText) });
    } catch (cause) {
      if (!isProblem(cause) || cause.kind.retry === 'same') throw cause;
      rejected = { count: rejected.count + own.length, reason: `${cause.code}: ${cause.message}` };
    }
  }
  return rejected;
}

async function tell(
  parts: SessionWriteParts,
  {
    tenant,
    session,
    events,
  }: { readonly tenant: Tenant; readonly session: string; readonly events: readonly SpanEvent[] },
): Promise<void> {
  if (events.length === 0) return;
  const name = parseSessionName(session);
  for (const texts of batchesOf(events.map((event) => JSON.stringify(event)))) {
    const sent = parseSent(bytesOf(`[${texts.join(',')}]`));
    await parts.writes.append(tenant, name, appendOf(sent, name));
  }
}

function* batchesOf(texts: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    if (batch.length > 0 && (batch.length >= eventsMax || bytes + text.length > bytesMax)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(text);
    bytes += text.length;
  }
  if (batch.length > 0) yield batch;
}

function answer(
  reply: EdgeReply,
  { isWire, count, reason }: Rejected & { readonly isWire: boolean },
): EdgeReply {
  if (isWire) return reply.type(wireType).send(Buffer.from(wireAnswer(count, reason)));
  const partialSuccess = { rejectedSpans: String(count), errorMessage: reason };
  return reply.send(count === 0 ? {} : { partialSuccess });
}

/** `ExportTraceServiceResponse {1 partial success {1 rejected spans  2 why}}`; empty where all was taken. */
function wireAnswer(count: number, reason: string): Uint8Array {
  if (count === 0) return new Uint8Array(0);
  const text = bytesOf(reason.slice(0, 500));
  const partial = new Uint8Array(text.length + 16);
  partial[0] = 0x08;
  let at = writeUnsignedVarint(partial, 1, count);
  partial[at] = 0x12;
  at = writeUnsignedVarint(partial, at + 1, text.length);
  partial.set(text, at);
  const inner = partial.subarray(0, at + text.length);
  const whole = new Uint8Array(inner.length + 8);
  whole[0] = 0x0a;
  const start = writeUnsignedVarint(whole, 1, inner.length);
  whole.set(inner, start);
  return whole.subarray(0, start + inner.length);
}
