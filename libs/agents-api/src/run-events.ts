// Events in the words of `/v3`, and as they are stored: a session made here is read by everybody. What both
// vocabularies have is stored in the one of `/v1/sessions`:
//
//   user.message, agent.message   {text}                      content
//   tool.call                     {call_id, tool, args, …}    agent.tool_use      id, name, input
//   tool.result                   {call_id, text, is_error}   agent.tool_result   tool_use_id, content, is_error
//   model.request                 {input_tokens, …}           span.model_request_end   model_usage
//
// and anything else as {type, body}. `level`, `actor`, `refs` and `turn_id` stand beside.

import { limits, timestampText } from '@tidemark/protocol';
import type { RunEvent, StreamState } from '@tidemark/session';
import { type Fields, isFields, listField, malformed, toldEvent } from '@tidemark/sessions-api';
import { textOf } from '@tidemark/std';
import { isLevel, type Level, levelOf, parseLevel } from './levels.ts';

/** A body beyond is read by itself. */
export const bodyBytesMax: number = 32 * 1_024;
const textCharsShown = 2_048;

const fieldsIn = (value: unknown): Fields => (isFields(value) ? value : {});
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

const toldTypes: Readonly<Record<string, string>> = {
  'agent.tool_use': 'tool.call',
  'agent.tool_result': 'tool.result',
  'span.model_request_end': 'model.request',
};

/** What a stored type is called here. */
export const toldType = (type: string): string => toldTypes[type] ?? type;

export interface ToldEvent extends Fields {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly level: Level;
}

function textOfContent(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((block) => textIn(fieldsIn(block)['text'])).join('');
}

/** Members that are told beside the body, or have no meaning here. */
const besides = new Set([
  'id',
  'type',
  'processed_at',
  'level',
  'actor',
  'refs',
  'turn_id',
  'body',
  'content',
]);

function bodyOfStored(stored: Fields): Fields {
  const own = fieldsIn(stored['body']);
  switch (stored['type']) {
    case 'user.message':
    case 'agent.message':
      return { ...own, text: textOfContent(stored['content']) };
    case 'agent.tool_use':
      return {
        call_id: stored['id'],
        tool: stored['name'],
        args: stored['input'],
        args_summary: JSON.stringify(stored['input'] ?? {}).slice(0, 256),
        ...own,
      };
    case 'agent.tool_result':
      return {
        call_id: stored['tool_use_id'],
        text: textOfContent(stored['content']),
        is_error: stored['is_error'] === true,
        ...own,
      };
    case 'span.model_request_end':
      return { ...fieldsIn(stored['model_usage']), ...own };
    default: {
      if (isFields(stored['body'])) return own;
      return Object.fromEntries(Object.entries(stored).filter(([name]) => !besides.has(name)));
    }
  }
}

const actorOf = (type: string): Fields => {
  if (type.startsWith('user.')) return { type: 'human' };
  return { type: type.startsWith('agent.') ? 'agent' : 'system' };
};

const typeIn = (stored: Fields): string => textIn(stored['type']);

export const levelIn = (stored: Fields): Level =>
  isLevel(stored['level']) ? stored['level'] : levelOf(toldType(typeIn(stored)));

/** The event at a seq, whole. Seqs are told from 1 on: `after=0` is the beginning. */
export function runEventAt(
  { stream, session }: { readonly stream: StreamState; readonly session: string },
  seq: number,
  body: Uint8Array,
): ToldEvent {
  const stored = JSON.parse(textOf(toldEvent(stream, seq, body))) as Fields;
  const type = toldType(typeIn(stored));
  const { turn_id: turn } = stored;
  return {
    id: textIn(stored['id']),
    seq: seq + 1,
    ts: textIn(stored['processed_at']) || timestampText(stream.createdAtMs),
    session,
    actor: isFields(stored['actor']) ? stored['actor'] : actorOf(typeIn(stored)),
    type,
    level: levelIn(stored),
    body: bodyOfStored(stored),
    refs: fieldsIn(stored['refs']),
    ...(typeof turn === 'string' ? { turn_id: turn } : {}),
  };
}

/** As it is listed, streamed and delivered: a body that is too large is told of. */
export function shortened(event: ToldEvent): ToldEvent {
  const { body } = event;
  const bytes = Buffer.byteLength(JSON.stringify(body));
  if (bytes <= bodyBytesMax) return event;
  const short = Object.entries(body as Fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.slice(0, textCharsShown) : value,
  ]);
  const cut = Object.fromEntries(
    short.filter(([, value]) => JSON.stringify(value ?? null).length <= 2 * textCharsShown),
  ) as Fields;
  return {
    ...event,
    body: cut,
    body_truncated: true,
    body_bytes: bytes,
    content_ref: `/v3/sessions/${encodeURIComponent(String(event['session']))}/events/${event.id}/content`,
  };
}

/** What is behind `content_ref`: the text of an event, or its body where it has none. */
export function contentOf({ body }: ToldEvent): string {
  const { text } = body as Fields;
  return typeof text === 'string' ? text : JSON.stringify(body);
}

export interface Message {
  readonly event: RunEvent;
  /** By which a repeat is known. */
  readonly id: string | undefined;
}

const given = (name: string, value: unknown): Fields =>
  value === undefined || value === null ? {} : { [name]: value };

/** What somebody says: a text, or an envelope that has one. */
export function messageOf(input: unknown): Message {
  const envelope: Fields = typeof input === 'string' ? { text: input } : fieldsIn(input);
  const { text, id, refs, actor, idempotency_key: key, ...rest } = envelope;
  if (typeof text !== 'string' || text === '') throw malformed('a message has a text');
  const own = key ?? id;
  if (own !== undefined && own !== null) {
    const isFit = typeof own === 'string' && own !== '' && own.length <= 200;
    if (!isFit) throw malformed('a key of a message has 1 to 200 characters');
  }
  return {
    id: typeof own === 'string' ? `msg_${own}` : undefined,
    event: {
      type: 'user.message',
      content: [{ type: 'text', text }],
      level: 'user',
      actor: { ...(isFields(actor) ? actor : {}), type: 'human' },
      ...given('refs', refs),
      ...(Object.keys(rest).length === 0 ? {} : { body: rest }),
    },
  };
}

const reportedMax = 256;

/** Events of a worker, as they are stored. */
export function reportedEvents(fields: Fields, turn: string): readonly RunEvent[] {
  return listField(fields, 'events', reportedMax).map((value, index) => {
    if (!isFields(value)) throw malformed(`events[${index}] is an object`);
    return reported(value, { place: `events[${index}]`, turn });
  });
}

function reported(
  value: Fields,
  { place, turn }: { readonly place: string; readonly turn: string },
): RunEvent {
  const { type, id, refs, actor } = value;
  const isType = typeof type === 'string' && /^[\x21-\x7e]{1,128}$/.test(type);
  if (!isType) {
    throw malformed(`${place}.type is 1 to ${limits.eventTypeBytesMax} ASCII characters`);
  }
  if (/^(session|turn|user)\./.test(type)) {
    throw malformed(`${place}.type: what begins with session, turn or user is not a worker's`);
  }
  const body = fieldsIn(value['body']);
  const own = id ?? (type === 'tool.call' ? body['call_id'] : undefined);
  const isId = typeof own === 'string' && own !== '' && own.length <= limits.tokenBytesMax;
  if (own !== undefined && !isId) throw malformed(`${place}.id is text`);
  if (type === 'tool.call' && !isId) throw malformed(`${place}.body.call_id is required`);
  return {
    ...(isId ? { id: own } : {}),
    ...storedOf(type, body),
    level: parseLevel(value['level'], levelOf(type)),
    actor: isFields(actor) ? actor : { type: 'agent' },
    ...given('refs', refs),
    turn_id: turn,
  };
}

/** The members that mean something on other surfaces, and the rest as the body. */
function storedOf(type: string, body: Fields): RunEvent {
  switch (type) {
    case 'agent.message': {
      const { text, ...rest } = body;
      return { type, content: [{ type: 'text', text: textIn(text) }], ...restOf(rest) };
    }
    case 'tool.call': {
      const { call_id: _, tool, args, ...rest } = body;
      return {
        type: 'agent.tool_use',
        name: textIn(tool),
        input: fieldsIn(args),
        ...restOf(rest),
      };
    }
    case 'tool.result': {
      const { call_id, text, is_error, ...rest } = body;
      return {
        type: 'agent.tool_result',
        tool_use_id: textIn(call_id),
        content: [{ type: 'text', text: textIn(text) }],
        is_error: is_error === true,
        ...restOf(rest),
      };
    }
    case 'model.request':
      return { type: 'span.model_request_end', model_usage: body };
    default:
      return { type, body };
  }
}

const restOf = (rest: Fields): Fields => (Object.keys(rest).length === 0 ? {} : { body: rest });
