// Whatever anybody sends, it is spans or it is malformed; whatever a span says, its events are events.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MalformedTraces } from './span.ts';
import { spanEvents } from './span-events.ts';
import { spansInJson } from './trace-request.ts';
import { spansInWire } from './trace-wire.ts';

const isMalformed = (read: () => unknown): boolean => {
  try {
    read();
    return false;
  } catch (cause) {
    if (cause instanceof MalformedTraces) return true;
    throw cause;
  }
};

test('any bytes are spans, or malformed', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  /** Beginnings that lead into nested messages. */
  const nested = fc
    .tuple(fc.constantFrom([0x0a], [0x0a, 0x12], [0x0a, 0x12, 0x4a]), bytes)
    .map(([tags, rest]) => {
      let message: number[] = [...rest];
      for (const tag of [...tags].reverse()) message = [tag, message.length & 0x7f, ...message];
      return Uint8Array.from(message);
    });
  fc.assert(
    fc.property(fc.oneof(bytes, nested), (body) => {
      expect(typeof isMalformed(() => spansInWire(body))).toBe('boolean');
    }),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(typeof isMalformed(() => spansInJson(text))).toBe('boolean');
    }),
  );
});

const key = fc.constantFrom(
  'gen_ai.operation.name',
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.tool.call.id',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.usage.input_tokens',
  'session.id',
  '__proto__',
);
const message = fc.record({
  role: fc.constantFrom('user', 'assistant', 'tool', '__proto__'),
  parts: fc.array(
    fc.record({
      type: fc.constantFrom('text', 'tool_call', 'reasoning', 'x'),
      content: fc.string(),
    }),
    { maxLength: 3 },
  ),
});
const stringValue = fc.oneof(
  fc.constantFrom('chat', 'execute_tool', 'invoke_agent', '[]', '{"a":1}'),
  fc.string(),
  fc.array(message, { maxLength: 3 }).map((list) => JSON.stringify(list)),
);
const value = fc.oneof(
  stringValue.map((text) => ({ stringValue: text })),
  fc.integer().map((count) => ({ intValue: String(count) })),
  fc.double().map((number) => ({ doubleValue: number })),
  fc.constant({ arrayValue: { values: [{ boolValue: true }, {}] } }),
);
const id = fc.stringMatching(/^[0-9a-f]{16}$/);

test('of any span, its events have a type, a time, and an id of their own', () => {
  const span = fc.record({
    traceId: id,
    spanId: id,
    name: fc.string(),
    startTimeUnixNano: fc.oneof(fc.constant('1790000000000000000'), fc.string(), fc.nat()),
    endTimeUnixNano: fc.constant('1790000001000000000'),
    attributes: fc.array(fc.record({ key, value }), { maxLength: 6 }),
    status: fc.record({ code: fc.nat(3), message: fc.string() }),
  });
  fc.assert(
    fc.property(fc.array(span, { maxLength: 4 }), (spans) => {
      const text = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
      const events = spanEvents(spansInJson(text), (atMs) => String(atMs));
      expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
      for (const { type, id: name, processed_at } of events) {
        expect(type).toMatch(/^[a-z_.]+$/);
        expect(name).toMatch(/^otel:[0-9a-f]{16}:/);
        expect(Number(processed_at)).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 300 },
  );
});

test('of what was said before only what is new is told', () => {
  const said = (role: string, content: string): object => ({
    role,
    parts: [{ type: 'text', content }],
  });
  const request = (messages: object[]): string => {
    const attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.input.messages': JSON.stringify(messages),
    };
    const pairs = Object.entries(attributes).map(([name, stringValue_]) => ({
      key: name,
      value: { stringValue: stringValue_ },
    }));
    const span = { traceId: 'ab', spanId: 'cd', attributes: pairs };
    return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  };
  const told = (messages: object[]): unknown[] =>
    spanEvents(spansInJson(request(messages)), String)
      .filter(({ type }) => type === 'user.message')
      .map(({ content }) => (content as { text: string }[])[0]?.text);
  const [one, answer, two] = [said('user', 'one'), said('assistant', 'yes'), said('user', 'two')];
  expect(told([one])).toEqual(['one']);
  expect(told([one, answer, two])).toEqual(['two']);
  expect(told([one, answer, said('tool', 'result')])).toEqual([]);
});
