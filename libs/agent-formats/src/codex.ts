// Codex's rollouts: `{timestamp, type, payload}` a line. What is said stands in response items; the messages
// of events repeat it, and are kept as what they are. Lines of the first versions are bare items.

import {
  type About,
  type Converted,
  type Draft,
  nothingKnown,
  type RecordFormat,
  type SourceRecord,
  type TokenCounts,
  usageDraft,
  withUsage,
} from './agent-event.ts';
import {
  countOf,
  isJson,
  type Json,
  listOf,
  objectOf,
  textBlock,
  textOf,
  timeOf,
} from './json-fields.ts';
import { eventId, leftName, recordType, rolledBackType } from './names.ts';
import { packed } from './native.ts';
import { answering, mcpName, type ToolCalls, withCall, withoutCall } from './tool-calls.ts';

export interface CodexState {
  readonly about: About;
  readonly calls: ToolCalls;
  readonly model: string | undefined;
  readonly time: string | undefined;
}

const name = 'codex';

export const codex: RecordFormat<CodexState> = {
  name,
  begin: () => ({ about: nothingKnown, calls: {}, model: undefined, time: undefined }),
  convert,
  settle: (state) => ({ state, events: [] }),
  about: ({ about }) => about,
};

interface Line {
  readonly type: unknown;
  readonly payload: Json;
}

/** Of the first versions, the line is its payload. */
function lineOf(record: Json): Line {
  if (isJson(record['payload'])) return { type: record['type'], payload: record['payload'] };
  const isMeta = record['type'] === undefined && typeof record['id'] === 'string';
  return { type: isMeta ? 'session_meta' : 'response_item', payload: record };
}

function convert(before: CodexState, { key, value }: SourceRecord): Converted<CodexState> {
  const record = objectOf(value);
  const line = lineOf(record);
  const time = timeOf(record['timestamp']) ?? before.time;
  const id = eventId(name, key);
  const known = { ...before, time, ...behindLine(before, line) };
  const { drafts, calls } = draftsOf(line, { id, state: known });
  const told = drafts.length === 0 ? [{ type: opaqueType(line) }] : drafts.map(leaving(id));
  const packing = { format: name, record: value, id, processedAt: time };
  const events = packed(told, packing).map((event) => ({ thread: undefined, event }));
  return { state: { ...known, calls }, events };
}

const leaving =
  (id: string) =>
  (draft: Draft): Draft =>
    draft.type === rolledBackType ? { ...draft, left: leftName(id) } : draft;

const opaqueType = ({ type, payload }: Line): string =>
  recordType(typeof payload['type'] === 'string' ? `${String(type)}.${payload['type']}` : type);

function behindLine(
  { about, model }: CodexState,
  { type, payload }: Line,
): Pick<CodexState, 'about' | 'model'> {
  const git = objectOf(payload['git']);
  if (type === 'session_meta') {
    const next: About = {
      ...about,
      cwd: textOf(payload['cwd']) ?? about.cwd,
      version: textOf(payload['cli_version']) ?? about.version,
      branch: textOf(git['branch']) ?? about.branch,
      forkedFrom: textOf(payload['forked_from_id']) ?? about.forkedFrom,
      parent: parentThread(payload) ?? about.parent,
    };
    return { about: next, model };
  }
  if (type === 'turn_context') {
    const cwd = about.cwd ?? textOf(payload['cwd']);
    return { about: { ...about, cwd }, model: textOf(payload['model']) ?? model };
  }
  const tokens = tokensOf({ type, payload });
  const isNamed = payload['type'] === 'thread_name_updated';
  const title = isNamed ? (textOf(payload['thread_name']) ?? about.title) : about.title;
  const titled = { ...about, title };
  return { about: tokens === undefined ? titled : withUsage(titled, model, tokens), model };
}

/** Whose sub-agent a rollout is. */
export function parentThread(meta: Json): string | undefined {
  const spawn = objectOf(objectOf(objectOf(meta['source'])['subagent'])['thread_spawn']);
  return textOf(spawn['parent_thread_id']) ?? textOf(meta['parent_thread_id']);
}

function tokensOf({ type, payload }: Line): TokenCounts | undefined {
  if (type !== 'event_msg' || payload['type'] !== 'token_count') return undefined;
  const usage = objectOf(payload['info'])['last_token_usage'];
  if (!isJson(usage)) return undefined;
  const cacheRead = countOf(usage['cached_input_tokens']);
  return {
    input: Math.max(0, countOf(usage['input_tokens']) - cacheRead),
    output: countOf(usage['output_tokens']),
    cacheRead,
    cacheWrite: 0,
  };
}

interface Drafting {
  readonly id: string;
  readonly state: CodexState;
}

interface Drafted {
  readonly drafts: readonly Draft[];
  readonly calls: ToolCalls;
}

function draftsOf(line: Line, drafting: Drafting): Drafted {
  const { calls } = drafting.state;
  switch (line.type) {
    case 'response_item':
      return itemDrafts(line.payload, drafting);
    case 'compacted':
      return { drafts: [compaction(line.payload['message'])], calls };
    case 'event_msg':
      return { drafts: messageDrafts(line, drafting.state), calls };
    default:
      return { drafts: [], calls };
  }
}

function compaction(message: unknown): Draft {
  const text = textOf(message);
  const content = text === undefined ? {} : { content: [textBlock(text)] };
  return { type: 'agent.thread_context_compacted', ...content };
}

function messageDrafts(line: Line, { model }: CodexState): readonly Draft[] {
  const { payload } = line;
  const tokens = tokensOf(line);
  if (tokens !== undefined) return [usageDraft(model, tokens)];
  switch (payload['type']) {
    case 'turn_aborted':
      return [{ type: 'user.interrupt', reason: payload['reason'] ?? null }];
    case 'thread_rolled_back':
      return [{ type: rolledBackType, num_turns: payload['num_turns'] ?? null }];
    case 'error':
    case 'stream_error': {
      const message = textOf(payload['message']) ?? 'an error without words';
      return [{ type: 'session.error', error: { type: 'unknown_error', message } }];
    }
    default:
      return [];
  }
}

const injected =
  /^\s*(<(environment_context|user_instructions|permissions|turn_aborted|skill)|# AGENTS\.md)/;

function itemDrafts(item: Json, { id, state }: Drafting): Drafted {
  const { calls } = state;
  const call = callOf(item);
  if (call !== undefined) {
    return {
      drafts: [call.draft],
      calls: call.id === undefined ? calls : withCall(calls, call.id, [id, call.tool]),
    };
  }
  const answered = textOf(item['call_id']);
  if (String(item['type']).endsWith('_output') && answered !== undefined) {
    const draft = {
      type: 'agent.tool_result',
      ...answering(calls, answered),
      ...resultOf(item['output'] ?? item['tools']),
    };
    return { drafts: [draft], calls: withoutCall(calls, answered) };
  }
  return { drafts: saidDrafts(item), calls };
}

function saidDrafts(item: Json): readonly Draft[] {
  switch (item['type']) {
    case 'message': {
      const content = blocksOf(item['content']);
      return content.length === 0 ? [] : [{ type: saidAs(item, content), content }];
    }
    case 'agent_message': {
      const content = blocksOf(item['content']);
      return content.length === 0 ? [] : [{ type: 'agent.message', content }];
    }
    case 'reasoning': {
      const texts = [...listOf(item['summary']), ...listOf(item['content'])]
        .map((part) => textOf(objectOf(part)['text']))
        .filter((text) => text !== undefined);
      const content = texts.map((thinking) => ({ type: 'thinking', thinking }));
      return [{ type: 'agent.thinking', content }];
    }
    case 'compaction':
    case 'context_compaction':
      return [{ type: 'agent.thread_context_compacted' }];
    default:
      return [];
  }
}

function saidAs({ role }: Json, [first]: readonly Json[]): string {
  if (role === 'assistant') return 'agent.message';
  const isSaid = role === 'user' && !injected.test(textOf(first?.['text']) ?? '');
  return isSaid ? 'user.message' : 'system.message';
}

/** Blocks as the sessions API has them. */
function blocksOf(content: unknown): readonly Json[] {
  if (typeof content === 'string') return content === '' ? [] : [textBlock(content)];
  return listOf(content).flatMap((part): readonly Json[] => {
    const { text, image_url: image } = objectOf(part);
    if (typeof text === 'string') return [textBlock(text)];
    if (typeof image !== 'string') return isJson(part) ? [part] : [];
    const [, media, data] = /^data:([^;,]+);base64,(.*)$/s.exec(image) ?? [];
    if (data === undefined) return [{ type: 'image', source: { type: 'url', url: image } }];
    return [{ type: 'image', source: { type: 'base64', media_type: media, data } }];
  });
}

interface Call {
  readonly draft: Draft;
  readonly id: string | undefined;
  readonly tool: string;
}

function callOf(item: Json): Call | undefined {
  const id = textOf(item['call_id']) ?? textOf(item['id']);
  const made = (tool: string, input: unknown): Call => ({ id, tool, draft: useDraft(tool, input) });
  switch (item['type']) {
    case 'function_call': {
      const namespace = textOf(item['namespace']);
      const called = textOf(item['name']) ?? 'function';
      const tool = namespace?.startsWith('mcp__') ? `${namespace}__${called}` : called;
      return made(tool, argumentsOf(item['arguments']));
    }
    case 'custom_tool_call':
      return made(textOf(item['name']) ?? 'custom_tool', { input: item['input'] ?? null });
    case 'local_shell_call':
      return made('local_shell', objectOf(item['action']));
    case 'web_search_call':
      return made('web_search', objectOf(item['action']));
    case 'tool_search_call':
      return made('tool_search', { arguments: item['arguments'] ?? null });
    default:
      return undefined;
  }
}

function useDraft(tool: string, input: unknown): Draft {
  const own = mcpName(tool);
  return own === undefined
    ? { type: 'agent.tool_use', name: tool, input }
    : { type: 'agent.mcp_tool_use', mcp_server_name: own.server, name: own.tool, input };
}

/** Arguments are JSON as text; what is none is kept as it is. */
function argumentsOf(text: unknown): Json {
  const value = parsed(text);
  return isJson(value) ? value : { arguments: text ?? null };
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function resultOf(output: unknown): Json {
  if (Array.isArray(output)) return { is_error: false, content: blocksOf(output) };
  const told = isJson(output) ? output : objectOf(parsed(output));
  const code = objectOf(told['metadata'])['exit_code'];
  const isError = told['success'] === false || (typeof code === 'number' && code !== 0);
  const text = textOf(output) ?? textOf(told['content']) ?? textOf(told['output']);
  return { is_error: isError, content: text === undefined ? [] : [textBlock(text)] };
}
