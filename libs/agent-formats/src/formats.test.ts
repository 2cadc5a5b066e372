// Every case of every format: what becomes of it, that nothing is lost, and that the same comes out twice.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentEvent, RecordFormat, RoutedEvent } from './agent-event.ts';
import { anthropic } from './anthropic.ts';
import { claudeCode } from './claude-code.ts';
import { codex } from './codex.ts';
import { jsonl } from './jsonl.ts';
import { RecordRestorer } from './native.ts';
import { opencode } from './opencode.ts';
import { claudeCases } from './testing/claude-cases.ts';
import { codexCases } from './testing/codex-cases.ts';
import type { CaseFile } from './testing/import-case.ts';

function recordsOf({ text }: CaseFile): unknown[] {
  const lines = text.split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as unknown);
}

/** As a server takes them: of two events with one id the first. */
function converted(format: RecordFormat<unknown>, records: readonly unknown[]): RoutedEvent[] {
  let state = format.begin();
  const events: RoutedEvent[] = [];
  for (const [index, value] of records.entries()) {
    const made = format.convert(state, { key: `line-${index}`, value });
    // Another process goes on from the state: it is JSON.
    state = made.state === undefined ? undefined : JSON.parse(JSON.stringify(made.state));
    events.push(...made.events);
  }
  events.push(...format.settle(state).events);
  const seen = new Set<string>();
  return events.filter(({ thread, event }) => {
    const id = `${thread ?? ''} ${event.id}`;
    return !seen.has(id) && seen.add(id);
  });
}

const typesOf = (events: readonly RoutedEvent[], thread: string | undefined): string[] =>
  events.filter((routed) => routed.thread === thread).map(({ event }) => event.type);

function restored(events: readonly AgentEvent[]): unknown[] {
  const restorer = new RecordRestorer();
  return events.flatMap((event) => {
    // As it comes back from a server.
    const record = restorer.take(JSON.parse(JSON.stringify(event)) as AgentEvent);
    return record === undefined ? [] : [record.record];
  });
}

const unique = (records: readonly unknown[]): unknown[] => {
  const uuids = new Set<unknown>();
  return records.filter((record) => {
    const { uuid } = record as { readonly uuid?: unknown };
    return uuid === undefined || (!uuids.has(uuid) && uuids.add(uuid));
  });
};

const formats = [
  ...claudeCases.map((each) => [claudeCode, each] as const),
  ...codexCases.map((each) => [codex, each] as const),
] as readonly (readonly [RecordFormat<unknown>, (typeof claudeCases)[number]])[];

describe.each(
  formats.map(([format, each]) => [`${format.name}: ${each.name}`, format, each] as const),
)('%s', (_, format, { files, types }) => {
  test('gives the events that it is to give', () => {
    const [main] = files;
    const events = converted(format, recordsOf(main as CaseFile));
    const wanted = (types[''] ?? []).filter((type) => type !== 'session.thread_created');
    // A thread's calls are told in its session by the server.
    const own = files.length > 1 ? wanted.filter((type) => type !== 'agent.tool_use') : wanted;
    expect(typesOf(events, undefined).toSorted()).toEqual(own.toSorted());
  });

  test('is given back as it was, and in order', () => {
    for (const file of files) {
      const records = recordsOf(file);
      const events = converted(format, records).map(({ event }) => event);
      expect(restored(events)).toEqual(unique(records));
    }
  });

  test('gives the same ids again, and times of its source', () => {
    for (const file of files) {
      const [one, other] = [1, 2].map(() => converted(format, recordsOf(file)));
      expect(one).toEqual(other);
      const times = one
        ?.map(({ event }) => event.processed_at)
        .filter((time) => time !== undefined);
      for (const time of times ?? []) expect(time).toMatch(/^202[56]-/);
    }
  });
});

test('a call and its result name each other, across processes', () => {
  const [, parallel] = claudeCases;
  const events = converted(
    claudeCode as RecordFormat<unknown>,
    recordsOf(parallel?.files[0] as CaseFile),
  );
  const calls = events
    .filter(({ event }) => event.type.endsWith('tool_use'))
    .map(({ event }) => event.id);
  const results = events.filter(({ event }) => event.type === 'agent.tool_result');
  expect(results.map(({ event }) => event['tool_use_id'])).toEqual(calls);
  expect(results.map(({ event }) => event['tool_name'])).toEqual(['Bash', 'mcp__files__read']);
});

test('usage is counted once an answer, whatever the number of its records', () => {
  const [, parallel] = claudeCases;
  const events = converted(
    claudeCode as RecordFormat<unknown>,
    recordsOf(parallel?.files[0] as CaseFile),
  );
  const usages = events.filter(({ event }) => event.type === 'span.model_request_end');
  expect(usages.map(({ event }) => event['model_usage'])).toEqual([
    {
      input_tokens: 10,
      output_tokens: 5,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 0,
    },
  ]);
});

test('a long text is stored once', () => {
  const [plain] = claudeCases;
  const events = converted(
    claudeCode as RecordFormat<unknown>,
    recordsOf(plain?.files[0] as CaseFile),
  );
  const text = JSON.stringify(events);
  expect(text.split('worth a hole').length - 1).toBe(1);
});

describe('whatever a record is', () => {
  const record = fc.oneof(
    { weight: 3, arbitrary: fc.json().map((text) => JSON.parse(text) as unknown) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constantFrom(
          'user',
          'assistant',
          'system',
          'response_item',
          'event_msg',
          'compacted',
        ),
        uuid: fc.option(fc.string(), { nil: undefined }),
        isSidechain: fc.option(fc.boolean(), { nil: undefined }),
        timestamp: fc.option(fc.string(), { nil: undefined }),
        payload: fc.jsonValue(),
        message: fc.record({
          id: fc.option(fc.string(), { nil: undefined }),
          usage: fc.jsonValue(),
          content: fc.oneof(
            fc.string({ maxLength: 100 }),
            fc.array(
              fc.oneof(
                fc.record({
                  type: fc.constantFrom('text', 'tool_use', 'tool_result', 'thinking', 'image'),
                  text: fc.string({ maxLength: 100 }),
                  name: fc.string(),
                  id: fc.string(),
                  input: fc.jsonValue(),
                  tool_use_id: fc.string(),
                  content: fc.jsonValue(),
                }),
                fc.jsonValue(),
              ),
            ),
          ),
        }),
      }),
    },
  );

  test.each([
    anthropic,
    claudeCode,
    codex,
    opencode,
    jsonl,
  ] as unknown as readonly RecordFormat<unknown>[])(
    '$name takes it, and gives it back',
    (format) => {
      fc.assert(
        fc.property(fc.array(record, { maxLength: 8 }), (records) => {
          const values = records.map((each, index) => {
            const plain = JSON.parse(JSON.stringify(each)) as unknown;
            const isObject = typeof plain === 'object' && plain !== null && !Array.isArray(plain);
            return isObject ? { ...plain, uuid: `u${index}`, id: `i${index}` } : plain;
          });
          const events = converted(format, values);
          for (const { event } of events) {
            expect(event.type).toMatch(/^[\x21-\x7e]{1,128}$/);
            expect(event.id.length).toBeLessThanOrEqual(256);
          }
          expect(restored(events.map(({ event }) => event))).toEqual(values);
        }),
        { numRuns: 300 },
      );
    },
  );
});
