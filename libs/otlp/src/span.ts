// A span, as far as events are made of it.

export type Attributes = Readonly<Record<string, unknown>>;

export interface Span {
  /** Hex. */
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it has none. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Of what sent it. */
  readonly resource: Attributes;
  readonly isError: boolean;
  readonly errorText: string;
}

/** Somebody else's bytes: no export request, or one beyond its bounds. */
export class MalformedTraces extends Error {}

const spansMax = 10_000;
/** How deep a value may lie in another. */
export const depthMax = 16;

export function bounded(spans: readonly Span[]): readonly Span[] {
  if (spans.length <= spansMax) return spans;
  throw new MalformedTraces(`at most ${spansMax} spans at once`);
}

const nanosAMs = 1_000_000n;

/** Nanoseconds since 1970 as milliseconds; a time that cannot be is the beginning. */
export function millisOf(nanos: bigint): number {
  const ms = Number(nanos / nanosAMs);
  return Number.isSafeInteger(ms) && ms >= 0 && ms < 253_402_300_800_000 ? ms : 0;
}

/** What an exporter names nothing by is kept apart from the prototype's own. */
export const attributesOf = (pairs: Iterable<readonly [string, unknown]>): Attributes =>
  Object.assign(Object.create(null) as object, Object.fromEntries(pairs)) as Attributes;
