// A session's events as spans, the other way about: each request to a model, each call of a tool and each turn is one.
// What came as a span keeps its ids; those of others are made of their events'.

type Json = Readonly<Record<string, unknown>>;

export interface SessionEvent extends Json {
  readonly type: string;
  readonly id: string;
}

export interface SpanWords {
  readonly session: string;
  /** So many characters of a digest in hex. */
  readonly digest: (text: string, chars: number) => string;
  /** Undefined where it is none. */
  readonly timeMsOf: (text: string) => number | undefined;
}

/** As OTLP has it in JSON. */
export type ToldSpan = Json;

interface Open {
  readonly event: SessionEvent;
  readonly startMs: number;
}

const openMax = 10_000;
const internalKind = 1;
const clientKind = 3;
const errorStatus = { code: 2 };

export class SessionSpans {
  readonly #words: SpanWords;
  readonly #requests = new Map<string, Open>();
  readonly #calls = new Map<string, Open>();
  #turn: Open | undefined;
  #turnSpanId = '';
  #input: Json[] = [];
  #output: Json[] = [];
  /** Of an event without a time: that of the one before it. */
  #nowMs = 0;

  constructor(words: SpanWords) {
    this.#words = words;
  }

  /** The span that is over with this event, where one is. */
  take(event: SessionEvent): ToldSpan | undefined {
    const at = event['processed_at'];
    this.#nowMs = (typeof at === 'string' ? this.#words.timeMsOf(at) : undefined) ?? this.#nowMs;
    switch (event.type) {
      case 'session.status_running':
        return this.#begin(event);
      case 'session.status_idle':
      case 'session.status_terminated':
        return this.#endTurn(event);
      case 'span.model_request_start':
        return this.#open(this.#requests, event);
      case 'span.model_request_end':
        return this.#request(event);
      case 'agent.tool_use':
      case 'agent.mcp_tool_use':
      case 'agent.custom_tool_use':
        this.#output.push({
          type: 'tool_call',
          id: event.id,
          name: event['name'],
          arguments: event['input'],
        });
        return this.#open(this.#calls, event);
      case 'agent.tool_result':
      case 'agent.mcp_tool_result':
      case 'user.tool_result':
      case 'user.custom_tool_result':
        return this.#tool(event);
      case 'user.message':
        this.#input.push(...partsOf(event, 'text'));
        return undefined;
      case 'agent.message':
        this.#output.push(...partsOf(event, 'text'));
        return undefined;
      case 'agent.thinking':
        this.#output.push(...partsOf(event, 'reasoning'));
        return undefined;
      default:
        return undefined;
    }
  }

  /** As its trace has it, or when the event that began it was said. */
  #startOf({ otel }: SessionEvent, begun: Open | undefined): number | undefined {
    const at = fieldsIn(otel)['started_at'];
    return (typeof at === 'string' ? this.#words.timeMsOf(at) : undefined) ?? begun?.startMs;
  }

  #begin(event: SessionEvent): undefined {
    this.#turn = { event, startMs: this.#nowMs };
    this.#turnSpanId = this.#idsOf(event).spanId;
  }

  #open(open: Map<string, Open>, event: SessionEvent): undefined {
    const [oldest] = open.keys();
    // What never ends is forgotten.
    if (open.size >= openMax && oldest !== undefined) open.delete(oldest);
    open.set(event.id, { event, startMs: this.#nowMs });
  }

  #endTurn(event: SessionEvent): ToldSpan | undefined {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn === undefined) return undefined;
    const { traceId } = this.#idsOf(event);
    const { spanId, parentSpanId } = isTold(event)
      ? this.#idsOf(event)
      : { spanId: this.#turnSpanId, parentSpanId: '' };
    return this.#span(
      { traceId, spanId, parentSpanId, name: 'invoke_agent', kind: internalKind },
      {
        startMs: this.#startOf(event, turn),
        attributes: { 'gen_ai.operation.name': 'invoke_agent' },
        isError: false,
      },
    );
  }

  #request(event: SessionEvent): ToldSpan {
    const started = take(this.#requests, event['model_request_start_id']);
    const usage = fieldsIn(event['model_usage']);
    const model = event['model'] ?? started?.event['model'];
    const attributes = {
      'gen_ai.operation.name': 'chat',
      ...(typeof model === 'string' ? { 'gen_ai.request.model': model } : {}),
      'gen_ai.usage.input_tokens': usage['input_tokens'],
      'gen_ai.usage.output_tokens': usage['output_tokens'],
      ...messages('gen_ai.input.messages', 'user', this.#input),
      ...messages('gen_ai.output.messages', 'assistant', this.#output),
    };
    [this.#input, this.#output] = [[], []];
    const name = typeof model === 'string' ? `chat ${model}` : 'chat';
    return this.#span(
      { ...this.#idsOf(event), name, kind: clientKind },
      { startMs: this.#startOf(event, started), attributes, isError: event['is_error'] === true },
    );
  }

  #tool(event: SessionEvent): ToldSpan {
    const id = event['tool_use_id'] ?? event['custom_tool_use_id'] ?? event['mcp_tool_use_id'];
    const call = take(this.#calls, id);
    const name = call?.event['name'];
    const input = call?.event['input'];
    const text = partsOf(event, 'text')
      .map((part) => part['content'])
      .join('\n');
    const attributes = {
      'gen_ai.operation.name': 'execute_tool',
      ...(typeof name === 'string' ? { 'gen_ai.tool.name': name } : {}),
      ...(typeof id === 'string' ? { 'gen_ai.tool.call.id': id } : {}),
      ...(input === undefined ? {} : { 'gen_ai.tool.call.arguments': JSON.stringify(input) }),
      'gen_ai.tool.call.result': text,
    };
    return this.#span(
      {
        ...this.#idsOf(event),
        name: typeof name === 'string' ? `execute_tool ${name}` : 'execute_tool',
        kind: internalKind,
      },
      { startMs: this.#startOf(event, call), attributes, isError: event['is_error'] === true },
    );
  }

  #idsOf(event: SessionEvent): { traceId: string; spanId: string; parentSpanId: string } {
    const { session, digest } = this.#words;
    const told = fieldsIn(event['otel']);
    const own = (name: string): string | undefined => {
      const value = told[name];
      return typeof value === 'string' && /^[0-9a-f]+$/.test(value) ? value : undefined;
    };
    return {
      traceId: own('trace_id') ?? digest(session, 32),
      spanId: own('span_id') ?? digest(`${session} ${event.id}`, 16),
      parentSpanId: isTold(event)
        ? (own('parent_span_id') ?? '')
        : this.#turn === undefined
          ? ''
          : this.#turnSpanId,
    };
  }

  #span(
    about: {
      readonly traceId: string;
      readonly spanId: string;
      readonly parentSpanId: string;
      readonly name: string;
      readonly kind: number;
    },
    told: {
      readonly startMs: number | undefined;
      readonly attributes: Json;
      readonly isError: boolean;
    },
  ): ToldSpan {
    const { parentSpanId, ...rest } = about;
    const endMs = this.#nowMs;
    const attributes = { 'gen_ai.conversation.id': this.#words.session, ...told.attributes };
    return {
      ...rest,
      ...(parentSpanId === '' ? {} : { parentSpanId }),
      startTimeUnixNano: nanosText(Math.min(told.startMs ?? endMs, endMs)),
      endTimeUnixNano: nanosText(endMs),
      attributes: Object.entries(attributes).flatMap(([key, value]) => pairOf(key, value)),
      status: told.isError ? errorStatus : {},
    };
  }
}

const isTold = ({ otel }: SessionEvent): boolean => typeof otel === 'object' && otel !== null;

function take(open: Map<string, Open>, id: unknown): Open | undefined {
  if (typeof id !== 'string') return undefined;
  const found = open.get(id);
  open.delete(id);
  return found;
}

const fieldsIn = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

function partsOf({ content }: SessionEvent, type: string): readonly Json[] {
  const list = Array.isArray(content) ? content : [{ text: content }];
  return list
    .map((part: unknown) => fieldsIn(part)['text'])
    .filter((text) => typeof text === 'string')
    .map((text) => ({ type, content: text }));
}

const messages = (name: string, role: string, parts: readonly Json[]): Json =>
  parts.length === 0 ? {} : { [name]: JSON.stringify([{ role, parts }]) };

function pairOf(key: string, value: unknown): readonly Json[] {
  if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
  if (Number.isSafeInteger(value)) return [{ key, value: { intValue: String(value) } }];
  return [];
}

const nanosText = (ms: number): string => String(BigInt(Math.max(0, Math.trunc(ms))) * 1_000_000n);

/** Spans as a line of a file, or as the body of an export request. */
export const tracesOf = (spans: readonly ToldSpan[]): Json => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'tidemark' } }] },
      scopeSpans: [{ scope: { name: 'tidemark' }, spans }],
    },
  ],
});
