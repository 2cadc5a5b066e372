// An export request as JSON. What is not what it should be is left out, where the rest still says something.

import {
  type Attributes,
  attributesOf,
  bounded,
  depthMax,
  MalformedTraces,
  millisOf,
  type Span,
} from './span.ts';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const listOf = (value: unknown): readonly Fields[] =>
  Array.isArray(value) ? value.filter(isFields) : [];

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const hex = /^[0-9a-f]{1,32}$/i;

function idOf(value: unknown): string {
  const text = textOf(value);
  return hex.test(text) ? text.toLowerCase() : '';
}

function nanosOf(value: unknown): bigint {
  const isWhole =
    typeof value === 'number' ? Number.isSafeInteger(value) : /^\d{1,20}$/.test(textOf(value));
  return isWhole ? BigInt(value as string | number) : 0n;
}

function valueOf(value: unknown, depth: number): unknown {
  if (depth > depthMax) throw new MalformedTraces(`values lie ${depthMax} deep at most`);
  if (!isFields(value)) return undefined;
  if ('stringValue' in value) return textOf(value['stringValue']);
  if ('boolValue' in value) return value['boolValue'] === true;
  if ('intValue' in value) return Number(value['intValue']);
  if ('doubleValue' in value) return Number(value['doubleValue']);
  if ('bytesValue' in value) return textOf(value['bytesValue']);
  const { arrayValue, kvlistValue } = value;
  if (isFields(arrayValue))
    return listOf(arrayValue['values']).map((each) => valueOf(each, depth + 1));
  if (isFields(kvlistValue)) return attributesIn(kvlistValue['values'], depth + 1);
  return undefined;
}

const attributesIn = (value: unknown, depth = 0): Attributes =>
  attributesOf(
    listOf(value).map((pair) => [textOf(pair['key']), valueOf(pair['value'], depth)] as const),
  );

/** Throws `MalformedTraces` where it is none. */
export function spansInJson(text: string): readonly Span[] {
  const request = parsed(text);
  if (!isFields(request)) throw new MalformedTraces('an export request is an object');
  const spans = listOf(request['resourceSpans']).flatMap((resourceSpans) => {
    const { resource } = resourceSpans;
    const attributes = attributesIn(isFields(resource) ? resource['attributes'] : undefined);
    return listOf(resourceSpans['scopeSpans'])
      .flatMap((scopeSpans) => listOf(scopeSpans['spans']))
      .map((span) => spanOf(span, attributes));
  });
  return bounded(spans);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MalformedTraces('not JSON', { cause });
  }
}

function spanOf(span: Fields, resource: Attributes): Span {
  const status = isFields(span['status']) ? span['status'] : {};
  const { code } = status;
  return {
    traceId: idOf(span['traceId']),
    spanId: idOf(span['spanId']),
    parentSpanId: idOf(span['parentSpanId']),
    name: textOf(span['name']),
    startMs: millisOf(nanosOf(span['startTimeUnixNano'])),
    endMs: millisOf(nanosOf(span['endTimeUnixNano'])),
    attributes: attributesIn(span['attributes']),
    resource,
    isError: code === 2 || code === 'STATUS_CODE_ERROR',
    errorText: textOf(status['message']),
  };
}
