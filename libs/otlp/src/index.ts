export { type SessionEvent, SessionSpans, tracesOf } from './session-spans.ts';
export type { Span } from './span.ts';
export { MalformedTraces } from './span.ts';
export { type SpanEvent, sessionIn, spanEvents } from './span-events.ts';
export { spansInJson } from './trace-request.ts';
export { spansInWire } from './trace-wire.ts';
