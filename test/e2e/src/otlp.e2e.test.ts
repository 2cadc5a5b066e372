// An agent that only speaks OpenTelemetry, by the vendor's own exporters: its traces are sessions.

import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as WireExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer('otlp');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const exporters = {
  JSON: (url: string) => new JsonExporter({ url }),
  protobuf: (url: string) => new WireExporter({ url }),
  'protobuf, gzip': (url: string) => new WireExporter({ url, compression: 'gzip' as never }),
} as const;

const text = (role: string, ...parts: object[]): object => ({ role, parts });
const said = (content: string): object => ({ type: 'text', content });

/** A turn as an instrumented agent records it: two requests to a model, and a tool that fails between them. */
function recordTurn(provider: BasicTracerProvider, conversation: string): void {
  const tracer = provider.getTracer('agent');
  const t0 = 1_790_000_000_000;
  const named = { 'gen_ai.conversation.id': conversation };
  const agent = tracer.startSpan('invoke_agent coder', {
    startTime: t0,
    attributes: { ...named, 'gen_ai.operation.name': 'invoke_agent' },
  });
  const inside = trace.setSpan(ROOT_CONTEXT, agent);
  const question = text('user', said('why does it fail?'));
  const call = { type: 'tool_call', id: 'call_1', name: 'bash', arguments: { command: 'make' } };
  const first = tracer.startSpan(
    'chat m1',
    {
      startTime: t0 + 1_000,
      attributes: {
        ...named,
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'm1',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.input.messages': JSON.stringify([question]),
        'gen_ai.output.messages': JSON.stringify([
          text('assistant', { type: 'reasoning', content: 'look first' }, call),
        ]),
      },
    },
    inside,
  );
  first.end(t0 + 2_000);
  // It names no session: what it is a part of does.
  const tool = tracer.startSpan(
    'execute_tool bash',
    {
      startTime: t0 + 2_100,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'bash',
        'gen_ai.tool.call.id': 'call_1',
        'gen_ai.tool.call.arguments': '{"command":"make"}',
      },
    },
    inside,
  );
  tool.setStatus({ code: SpanStatusCode.ERROR, message: 'exit 2' });
  tool.end(t0 + 3_000);
  const history = [question, text('assistant', call), text('tool', { type: 'tool_call_response' })];
  const second = tracer.startSpan(
    'chat m1',
    {
      startTime: t0 + 3_100,
      attributes: {
        ...named,
        'gen_ai.operation.name': 'chat',
        'gen_ai.response.model': 'm1-2026',
        'gen_ai.usage.input_tokens': 150,
        'gen_ai.usage.output_tokens': 5,
        'gen_ai.input.messages': JSON.stringify(history),
        'gen_ai.output.messages': JSON.stringify([text('assistant', said('the Makefile is gone'))]),
      },
    },
    inside,
  );
  second.end(t0 + 4_000);
  agent.end(t0 + 4_100);
}

const resource = resourceFromAttributes({ 'service.name': 'coder' });

interface Told {
  readonly type: string;
  readonly [member: string]: unknown;
}

async function eventsOf(session: string): Promise<readonly Told[]> {
  const answer = await fetch(`${server.url}/v1/sessions/${session}/events`);
  return ((await answer.json()) as { readonly data: readonly Told[] }).data;
}

describe.each(Object.entries(exporters))('by %s', (name, make) => {
  const conversation = `otel-${name.replaceAll(/\W/g, '')}`;

  test('a turn is told as it happened, and counted', async () => {
    const exporter = make(`${server.url}/v1/traces`);
    const provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    recordTurn(provider, conversation);
    await provider.forceFlush();
    const events = await eventsOf(conversation);
    expect(events.map(({ type }) => type)).toEqual([
      'session.status_running',
      'user.message',
      'span.model_request_start',
      'agent.thinking',
      'agent.tool_use',
      'span.model_request_end',
      'agent.tool_result',
      'span.model_request_start',
      'agent.message',
      'span.model_request_end',
      'session.status_idle',
    ]);
    const [, asked, , , use, , result] = events;
    expect(asked?.['content']).toEqual([{ type: 'text', text: 'why does it fail?' }]);
    expect(use).toMatchObject({ name: 'bash', input: { command: 'make' } });
    expect(result).toMatchObject({
      tool_use_id: use?.['id'],
      is_error: true,
      content: [{ type: 'text', text: 'exit 2' }],
      processed_at: '2026-09-21T14:13:23.000Z',
    });
    const session = (await (
      await fetch(`${server.url}/v1/sessions/${conversation}`)
    ).json()) as Record<string, unknown>;
    expect(session).toMatchObject({
      status: 'idle',
      usage: { input_tokens: 250, output_tokens: 25 },
    });
    await provider.shutdown();
  });

  test('a child that is exported by itself belongs to the session of its trace; a repeat adds nothing', async () => {
    const kept = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new SimpleSpanProcessor(kept)],
    });
    recordTurn(provider, `${conversation}-apart`);
    const spans = kept.getFinishedSpans();
    const exporter: SpanExporter = make(`${server.url}/v1/traces`);
    const send = (batch: typeof spans): Promise<number> =>
      new Promise((done) => exporter.export(batch, ({ code }) => done(code)));
    for (const span of [...spans, ...spans]) expect(await send([span])).toBe(0);
    expect(await eventsOf(`${conversation}-apart`)).toHaveLength(11);
    await exporter.shutdown();
  });
});

test('a session is told as spans again, with the ids that it came with, and any other as well', async () => {
  const conversation = 'otel-there-and-back';
  const kept = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [
      new SimpleSpanProcessor(kept),
      new BatchSpanProcessor(exporters.JSON(`${server.url}/v1/traces`)),
    ],
  });
  recordTurn(provider, conversation);
  await provider.forceFlush();
  const spansOf = async (session: string): Promise<readonly Record<string, unknown>[]> => {
    const { out } = await runCli(['export', session, '--spans'], { url: server.url });
    const told = JSON.parse(out) as {
      resourceSpans: [{ scopeSpans: [{ spans: Record<string, unknown>[] }] }];
    };
    return told.resourceSpans[0].scopeSpans[0].spans;
  };
  const back = await spansOf(conversation);
  const idsOf = (spanId: unknown, parent: unknown, name: unknown): string =>
    [spanId, parent ?? '', String(name).split(' ')[0]].join(' ');
  expect(
    new Set(back.map((span) => idsOf(span['spanId'], span['parentSpanId'], span['name']))),
  ).toEqual(
    new Set(
      kept
        .getFinishedSpans()
        .map((span) => idsOf(span.spanContext().spanId, span.parentSpanContext?.spanId, span.name)),
    ),
  );
  const tool = back.find(({ name }) => name === 'execute_tool bash');
  expect(tool).toMatchObject({
    startTimeUnixNano: '1790000002100000000',
    endTimeUnixNano: '1790000003000000000',
    status: { code: 2 },
  });
  // Told to another session, they are the same events.
  const renamed = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: back }] }] });
  const again = renamed.replaceAll(conversation, 'otel-again');
  expect((await post(again, { 'content-type': 'application/json' })).status).toBe(200);
  const types = async (session: string): Promise<readonly string[]> =>
    (await eventsOf(session)).map(({ type }) => type);
  expect(await types('otel-again')).toEqual(await types(conversation));
  const events = [
    { type: 'session.status_running' },
    { type: 'agent.tool_use', name: 'a', input: {} },
  ];
  const plain = '/v1/sessions/otel-plain/events';
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ events });
  const sent = await fetch(`${server.url}${plain}`, { method: 'POST', headers, body });
  const { data } = (await sent.json()) as { data: { id: string }[] };
  const rest = [
    { type: 'agent.tool_result', tool_use_id: data[1]?.id, content: 'done' },
    { type: 'session.status_idle' },
  ];
  await fetch(`${server.url}${plain}`, { method: 'POST', headers, body: JSON.stringify(rest) });
  const [call, turn] = await spansOf('otel-plain');
  expect(call).toMatchObject({ name: 'execute_tool a', parentSpanId: turn?.['spanId'] });
  await provider.shutdown();
});

const post = async (
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Promise<Response> => fetch(`${server.url}/v1/traces`, { method: 'POST', headers, body });

test('what is no export request is refused, and what cannot be taken is told', async () => {
  const json = { 'content-type': 'application/json' };
  const wire = { 'content-type': 'application/x-protobuf' };
  const deep = `${'{"arrayValue":{"values":['.repeat(100)}${']}}'.repeat(100)}`;
  const span = (more: string): string =>
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"ab","spanId":"cd"${more}}]}]}]}`;
  for (const [body, headers] of [
    ['{', json],
    ['[]', json],
    [span(`,"attributes":[{"key":"gen_ai.a","value":${deep}}]`), json],
    [Uint8Array.of(0x0a, 0xff, 0x01), wire],
    [Uint8Array.of(0x0b), wire],
    ['not zipped', { ...json, 'content-encoding': 'gzip' }],
    ['{}', { ...json, 'content-encoding': 'br' }],
  ] as const) {
    expect((await post(body as never, headers)).status).toBe(400);
  }
  expect(await (await post('{}', json)).json()).toEqual({});
  expect((await (await post(new Uint8Array(0), wire)).arrayBuffer()).byteLength).toBe(0);
  const named = (session: string): string =>
    span(`,"attributes":[{"key":"session.id","value":{"stringValue":"${session}"}}]`);
  expect(await (await post(named('$tenant'), json)).json()).toMatchObject({
    partialSuccess: { rejectedSpans: '1' },
  });
  expect(await (await post(named('__proto__'), json)).json()).toEqual({});
  expect(await eventsOf('__proto__')).toMatchObject([{ type: 'otel.span' }]);
  // Of nothing that an agent did nothing is made.
  await post(span(',"name":"GET /"'), json);
  expect((await fetch(`${server.url}/v1/sessions/trace-ab`)).status).toBe(404);
});
