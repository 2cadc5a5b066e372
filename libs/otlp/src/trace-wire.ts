// An export request as protobuf: `ExportTraceServiceRequest` of opentelemetry/proto, of which only these fields
// are read. Fields by number; whatever else there is, is passed over.
//
//   request        1 resource spans
//   resource spans 1 resource {1 attributes}   2 scope spans {2 spans}
//   span           1 trace id  2 span id  4 parent  5 name  7 start  8 end  9 attributes  15 status {2 text  3 code}
//   attribute      1 key  2 value
//   value          1 text  2 flag  3 integer  4 double  5 list {1 values}  6 map {1 attributes}  7 bytes

import {
  type Attributes,
  attributesOf,
  bounded,
  depthMax,
  MalformedTraces,
  millisOf,
  type Span,
} from './span.ts';

const [varint, fixed64, delimited, fixed32] = [0, 1, 2, 5] as const;
const errorCode = 2;
const decoder = new TextDecoder();

interface Field {
  readonly number: number;
  /** Of a varint or a fixed field. */
  readonly integer: bigint;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

function* fieldsOf(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const take = (count: number): number => {
    const start = at;
    at += count;
    if (at > message.length) throw new MalformedTraces('a field ends behind its message');
    return start;
  };
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[take(1)] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedTraces('a varint has no end');
  };
  while (at < message.length) {
    const tag = Number(readVarint());
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === varint) yield { number, integer: readVarint(), bytes: nothing };
    else if (kind === fixed64)
      yield { number, integer: view.getBigUint64(take(8), true), bytes: nothing };
    else if (kind === fixed32)
      yield { number, integer: BigInt(view.getUint32(take(4), true)), bytes: nothing };
    else if (kind === delimited) {
      const length = Number(readVarint());
      const start = take(length);
      yield { number, integer: 0n, bytes: message.subarray(start, at) };
    } else throw new MalformedTraces(`fields of kind ${kind} are not known`);
  }
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');

function doubleOf(integer: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, integer);
  return view.getFloat64(0);
}

function valueOf(message: Uint8Array, depth: number): unknown {
  if (depth > depthMax) throw new MalformedTraces(`values lie ${depthMax} deep at most`);
  let value: unknown;
  for (const { number, integer, bytes } of fieldsOf(message)) {
    if (number === 1) value = decoder.decode(bytes);
    else if (number === 2) value = integer !== 0n;
    else if (number === 3) value = Number(BigInt.asIntN(64, integer));
    else if (number === 4) value = doubleOf(integer);
    else if (number === 5)
      value = [...fieldsOf(bytes)].map((each) => valueOf(each.bytes, depth + 1));
    else if (number === 6)
      value = attributesOf([...fieldsOf(bytes)].map((each) => pairOf(each.bytes, depth + 1)));
    else if (number === 7) value = hexOf(bytes);
  }
  return value;
}

function pairOf(message: Uint8Array, depth: number): readonly [string, unknown] {
  let key = '';
  let value: unknown;
  for (const { number, bytes } of fieldsOf(message)) {
    if (number === 1) key = decoder.decode(bytes);
    else if (number === 2) value = valueOf(bytes, depth);
  }
  return [key, value];
}

/** Throws `MalformedTraces` where it is none. */
export function spansInWire(message: Uint8Array): readonly Span[] {
  const spans = messagesIn(message, 1).flatMap((resourceSpans) => {
    const [resource = nothing] = messagesIn(resourceSpans, 1);
    const attributes = attributesOf(messagesIn(resource, 1).map((pair) => pairOf(pair, 0)));
    return messagesIn(resourceSpans, 2)
      .flatMap((scopeSpans) => messagesIn(scopeSpans, 2))
      .map((span) => spanOf(span, attributes));
  });
  return bounded(spans);
}

const messagesIn = (message: Uint8Array, number: number): readonly Uint8Array[] =>
  [...fieldsOf(message)].filter((field) => field.number === number).map(({ bytes }) => bytes);

function spanOf(message: Uint8Array, resource: Attributes): Span {
  const span = { traceId: '', spanId: '', parentSpanId: '', name: '', startMs: 0, endMs: 0 };
  const pairs: (readonly [string, unknown])[] = [];
  let status: Uint8Array = nothing;
  for (const { number, integer, bytes } of fieldsOf(message)) {
    if (number === 1) span.traceId = hexOf(bytes);
    else if (number === 2) span.spanId = hexOf(bytes);
    else if (number === 4) span.parentSpanId = hexOf(bytes);
    else if (number === 5) span.name = decoder.decode(bytes);
    else if (number === 7) span.startMs = millisOf(integer);
    else if (number === 8) span.endMs = millisOf(integer);
    else if (number === 9) pairs.push(pairOf(bytes, 0));
    else if (number === 15) status = bytes;
  }
  const { isError, errorText } = statusOf(status);
  return { ...span, attributes: attributesOf(pairs), resource, isError, errorText };
}

function statusOf(message: Uint8Array): { readonly isError: boolean; readonly errorText: string } {
  let [isError, errorText] = [false, ''];
  for (const { number, integer, bytes } of fieldsOf(message)) {
    if (number === 2) errorText = decoder.decode(bytes);
    if (number === 3) isError = Number(integer) === errorCode;
  }
  return { isError, errorText };
}
