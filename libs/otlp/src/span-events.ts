// Spans of agents as events of sessions, by OpenTelemetry's conventions for generative AI.
//
//   chat, generate_content, text_completion   span.model_request_start, what was new of its input, what was answered,
//                                             span.model_request_end
//   execute_tool                              agent.tool_use, agent.tool_result
//   invoke_agent                              session.status_running, session.status_idle
//   any other that names a session            otel.span
//
// An event's id is made of its span's, a call's of its own: whatever is told twice is written once. A request
// tells all that was said before it again: new of it is what a person says behind the last answer.

import type { Attributes, Span } from './span.ts';

type Json = Readonly<Record<string, unknown>>;

export interface SpanEvent extends Json {
  readonly type: string;
  readonly id: string;
  readonly processed_at: string;
}

interface Timed {
  readonly atMs: number;
  readonly event: SpanEvent;
}

const sessionNames = ['gen_ai.conversation.id', 'session.id'] as const;
const textMax = 4 * 1024 * 1024;

const textIn = (attributes: Attributes, name: string): string | undefined => {
  const value = attributes[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const countIn = (attributes: Attributes, ...names: readonly string[]): number => {
  const value = names.map((name) => attributes[name]).find((each) => typeof each === 'number');
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0;
};

/** The session that a span, or what sent it, names itself. */
export function sessionIn({ attributes, resource }: Span): string | undefined {
  for (const name of sessionNames) {
    const named = textIn(attributes, name);
    if (named !== undefined) return named;
  }
  return textIn(resource, 'gen_ai.conversation.id') ?? textIn(resource, 'session.id');
}

const operationOf = ({ attributes }: Span): string =>
  textIn(attributes, 'gen_ai.operation.name') ?? '';

/** Whether something is made of it. */
const isTold = (span: Span): boolean =>
  span.traceId !== '' &&
  span.spanId !== '' &&
  (Object.keys(span.attributes).some((name) => name.startsWith('gen_ai.')) ||
    sessionIn(span) !== undefined);

/** Those of one session, in the order of their times. */
export function spanEvents(
  spans: readonly Span[],
  timeTextOf: (atMs: number) => string,
): readonly SpanEvent[] {
  const timed = spans.filter(isTold).flatMap((span) => eventsOf(new Telling(span, timeTextOf)));
  const firsts = new Map<string, Timed>();
  for (const each of timed) {
    const known = firsts.get(each.event.id);
    if (known === undefined || each.atMs < known.atMs) firsts.set(each.event.id, each);
  }
  return [...firsts.values()].sort((one, other) => one.atMs - other.atMs).map(({ event }) => event);
}

class Telling {
  readonly span: Span;
  readonly told: Timed[] = [];
  readonly timeTextOf: (atMs: number) => string;

  constructor(span: Span, timeTextOf: (atMs: number) => string) {
    this.span = span;
    this.timeTextOf = timeTextOf;
  }

  idOf(part: string): string {
    const { traceId, spanId } = this.span;
    return `otel:${traceId}:${spanId}:${part}`;
  }

  /** The same wherever the call is told of. */
  callId(call: string): string {
    return `otel:${this.span.traceId}:call:${call.slice(0, 128)}`;
  }

  add(atMs: number, id: string, event: Json & { readonly type: string }): void {
    const stamped = { id, processed_at: this.timeTextOf(atMs), ...event };
    this.told.push({ atMs, event: stamped });
  }
}

function eventsOf(telling: Telling): readonly Timed[] {
  switch (operationOf(telling.span)) {
    case 'chat':
    case 'generate_content':
    case 'text_completion':
      tellRequest(telling);
      break;
    case 'execute_tool':
      tellTool(telling);
      break;
    case 'invoke_agent':
      tellTurn(telling);
      break;
    default:
      tellOther(telling);
  }
  return telling.told;
}

/** What no event says: for whoever looks for the trace. */
function traceOf({ span, timeTextOf }: Telling): Json {
  const { traceId, spanId, parentSpanId, name, attributes, startMs } = span;
  const large = /^gen_ai\.(input|output)\.messages$|^gen_ai\.(system_instructions|tool\.)/;
  const kept = Object.entries(attributes).filter(([key]) => !large.test(key));
  const parent = parentSpanId === '' ? {} : { parent_span_id: parentSpanId };
  return {
    trace_id: traceId,
    span_id: spanId,
    ...parent,
    name,
    started_at: timeTextOf(startMs),
    attributes: Object.fromEntries(kept),
  };
}

const content = (text: string): readonly Json[] => [{ type: 'text', text: text.slice(0, textMax) }];

function tellRequest(telling: Telling): void {
  const { span } = telling;
  const { attributes, startMs, endMs, isError, errorText } = span;
  const model =
    textIn(attributes, 'gen_ai.response.model') ?? textIn(attributes, 'gen_ai.request.model');
  const named = model === undefined ? {} : { model };
  const said = newInputs(messagesIn(attributes['gen_ai.input.messages']));
  for (const [index, text] of said.entries()) {
    telling.add(startMs, telling.idOf(`in${index}`), {
      type: 'user.message',
      content: content(text),
    });
  }
  const started = telling.idOf('start');
  telling.add(startMs, started, { type: 'span.model_request_start', ...named });
  tellAnswer(telling, messagesIn(attributes['gen_ai.output.messages']));
  telling.add(endMs, telling.idOf('end'), {
    type: 'span.model_request_end',
    model_request_start_id: started,
    is_error: isError,
    ...(isError && errorText !== '' ? { error: errorText } : {}),
    ...named,
    model_usage: {
      input_tokens: countIn(attributes, 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'),
      output_tokens: countIn(
        attributes,
        'gen_ai.usage.output_tokens',
        'gen_ai.usage.completion_tokens',
      ),
      cache_read_input_tokens: countIn(attributes, 'gen_ai.usage.cache_read.input_tokens'),
      cache_creation_input_tokens: countIn(attributes, 'gen_ai.usage.cache_creation.input_tokens'),
    },
    otel: traceOf(telling),
  });
}

interface Message {
  readonly role: string;
  readonly parts: readonly Json[];
}

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsedWhereText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

/** As a list of messages, or as its JSON: exporters do both. */
function messagesIn(value: unknown): readonly Message[] {
  const list = parsedWhereText(value);
  if (!Array.isArray(list)) return [];
  return list.filter(isJson).map((message) => {
    const { role, parts, content: whole } = message;
    const own = Array.isArray(parts) ? parts.filter(isJson) : [];
    const plain = typeof whole === 'string' ? [{ type: 'text', content: whole }] : [];
    return { role: typeof role === 'string' ? role : '', parts: own.length > 0 ? own : plain };
  });
}

const textOfPart = (part: Json): string => {
  const text = part['content'] ?? part['text'];
  return typeof text === 'string' ? text : '';
};

function newInputs(messages: readonly Message[]): readonly string[] {
  const behind = messages.findLastIndex(({ role }) => role === 'assistant') + 1;
  return messages
    .slice(behind)
    .filter(({ role }) => role === 'user')
    .map(({ parts }) =>
      parts
        .filter(({ type }) => type === 'text')
        .map(textOfPart)
        .join('\n'),
    )
    .filter((text) => text !== '');
}

function tellAnswer(telling: Telling, messages: readonly Message[]): void {
  const { endMs } = telling.span;
  for (const [at, { parts }] of messages.entries()) {
    for (const [index, part] of parts.entries()) {
      const id = telling.idOf(`out${at}.${index}`);
      const { type } = part;
      const text = textOfPart(part);
      if (type === 'text' && text !== '') {
        telling.add(endMs, id, { type: 'agent.message', content: content(text) });
      } else if ((type === 'reasoning' || type === 'thinking') && text !== '') {
        telling.add(endMs, id, { type: 'agent.thinking', content: content(text) });
      } else if (type === 'tool_call') {
        tellCall(telling, endMs, {
          call: part['id'],
          name: part['name'],
          input: part['arguments'],
        });
      }
    }
  }
}

function tellCall(
  telling: Telling,
  atMs: number,
  {
    call,
    name,
    input,
  }: { readonly call: unknown; readonly name: unknown; readonly input: unknown },
): string {
  const id = typeof call === 'string' && call !== '' ? telling.callId(call) : telling.idOf('call');
  const given = parsedWhereText(input) ?? input;
  telling.add(atMs, id, {
    type: 'agent.tool_use',
    name: typeof name === 'string' ? name : 'unknown',
    input: isJson(given) ? given : given === undefined ? {} : { value: given },
  });
  return id;
}

function tellTool(telling: Telling): void {
  const { span } = telling;
  const { attributes, startMs, endMs, isError, errorText } = span;
  const name = textIn(attributes, 'gen_ai.tool.name') ?? span.name;
  const call = attributes['gen_ai.tool.call.id'];
  const use = tellCall(telling, startMs, {
    call,
    name,
    input: attributes['gen_ai.tool.call.arguments'],
  });
  const result = attributes['gen_ai.tool.call.result'];
  const text =
    typeof result === 'string' ? result : result === undefined ? '' : JSON.stringify(result);
  telling.add(endMs, telling.idOf('result'), {
    type: 'agent.tool_result',
    tool_use_id: use,
    content: content(isError && errorText !== '' ? errorText : text),
    is_error: isError,
    otel: traceOf(telling),
  });
}

function tellTurn(telling: Telling): void {
  const { span } = telling;
  telling.add(span.startMs, telling.idOf('start'), { type: 'session.status_running' });
  telling.add(span.endMs, telling.idOf('end'), {
    type: 'session.status_idle',
    stop_reason: { type: 'end_turn' },
    otel: traceOf(telling),
  });
}

function tellOther(telling: Telling): void {
  const { span } = telling;
  const { name, startMs, endMs, isError, errorText } = span;
  telling.add(endMs, telling.idOf('span'), {
    type: 'otel.span',
    name,
    duration_ms: Math.max(0, endMs - startMs),
    is_error: isError,
    ...(errorText === '' ? {} : { error: errorText }),
    otel: traceOf(telling),
  });
}
