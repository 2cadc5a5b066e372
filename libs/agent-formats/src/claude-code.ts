// Claude Code's transcripts: a JSON record a line, in a tree of parents, with what the program notes for
// itself in between. One answer of the model is several records that share `message.id`: its usage, which
// each of them tells, is counted once, with what comes behind the last of them.

import {
  type About,
  type Converted,
  type Draft,
  nothingKnown,
  type RecordFormat,
  type RoutedEvent,
  type SourceRecord,
  type TokenCounts,
  usageDraft,
  withUsage,
} from './agent-event.ts';
import {
  type Branches,
  type Branching,
  branchesBehind,
  goesBack,
  noBranches,
} from './claude-branches.ts';
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
import { packed, partId } from './native.ts';
import { answering, mcpName, type ToolCalls, withCall, withoutCall } from './tool-calls.ts';

export interface ClaudeState {
  readonly about: About;
  readonly branches: Branches;
  readonly calls: ToolCalls;
  /** Sidechain records of older versions, by the first of their chain. */
  readonly chains: Readonly<Record<string, string>>;
  readonly answer: OpenAnswer | undefined;
  readonly time: string | undefined;
}

/** An answer of the model whose records may not be over. */
interface OpenAnswer {
  readonly id: string;
  readonly model: string | undefined;
  readonly tokens: TokenCounts;
  readonly time: string | undefined;
  readonly thread: string | undefined;
}

const chainsMax = 128;
const name = 'claude-code';
const transcript: ReadonlySet<unknown> = new Set(['user', 'assistant', 'system']);

export const claudeCode: RecordFormat<ClaudeState> = {
  name,
  begin: () => ({
    about: nothingKnown,
    branches: noBranches,
    calls: {},
    chains: {},
    answer: undefined,
    time: undefined,
  }),
  convert,
  settle: (state) => counted(state, undefined),
  about: ({ about }) => about,
};

function convert(before: ClaudeState, { key, value }: SourceRecord): Converted<ClaudeState> {
  const record = objectOf(value);
  const id = eventId(name, textOf(record['uuid']) ?? key);
  const [thread, chains] = chainOf(before, record);
  const time = timeOf(record['timestamp']) ?? before.time;
  const known = { ...before, chains, time, about: aboutBehind(before.about, record) };
  const { state, events } = counted(known, answerOf(record, { time, thread }));
  const made = draftsOf(record, { id, calls: state.calls });
  const drafts = made.drafts.length === 0 ? [opaque(record)] : made.drafts;
  const packing = { format: name, record: value, id, processedAt: time };
  const own = packed(drafts, packing).map((event) => ({ thread, event }));
  const branching = thread === undefined ? branchingOf(record, drafts) : undefined;
  const isBack = branching !== undefined && goesBack(before.branches, branching);
  const back = isBack ? [rolledBack(branching, time)] : [];
  const branches = branching ? branchesBehind(before.branches, branching) : before.branches;
  const next = { ...state, branches, calls: made.calls };
  return { state: next, events: [...events, ...back, ...own] };
}

/** A compaction begins a new root, and so goes back to nothing. */
function branchingOf(record: Json, drafts: readonly Draft[]): Branching | undefined {
  const { uuid, parentUuid: parent, logicalParentUuid: logical } = record;
  if (typeof uuid !== 'string') return undefined;
  const isPrompt = drafts.some(({ type }) => type === 'user.message');
  const isSaid = drafts.some(({ type }) => spoken.has(type));
  const kind = isPrompt ? 'prompt' : isSaid ? 'said' : 'other';
  const isTold = typeof parent === 'string' || (parent === null && typeof logical !== 'string');
  return { uuid, parent: isTold ? parent : undefined, kind };
}

const spoken: ReadonlySet<string> = new Set([
  'user.interrupt',
  'agent.message',
  'agent.thinking',
  'agent.tool_use',
  'agent.mcp_tool_use',
  'agent.thread_context_compacted',
]);

function rolledBack({ uuid, parent }: Branching, time: string | undefined): RoutedEvent {
  const id = eventId(name, `back:${uuid}`);
  const event = {
    id,
    ...(time === undefined ? {} : { processed_at: time }),
    type: rolledBackType,
    to_event_id: typeof parent === 'string' ? eventId(name, parent) : null,
    by_event_id: eventId(name, uuid),
    left: leftName(id),
  };
  return { thread: undefined, event };
}

/** The answer that was open is over once another record comes than one of its own. */
function counted(state: ClaudeState, next: OpenAnswer | undefined): Converted<ClaudeState> {
  const { answer } = state;
  if (answer === undefined || answer.id === next?.id) {
    return { state: { ...state, answer: next ?? answer }, events: [] };
  }
  const about = withUsage(state.about, answer.model, answer.tokens);
  return { state: { ...state, about, answer: next }, events: [usageOf(answer)] };
}

/** An answer whose end is told with its last record needs no state: a store counts it at once. */
export function finishedUsage(record: Json): RoutedEvent | undefined {
  const answer = answerOf(record, { time: timeOf(record['timestamp']), thread: undefined });
  const isOver = textOf(objectOf(record['message'])['stop_reason']) !== undefined;
  return answer === undefined || !isOver ? undefined : usageOf(answer);
}

const usageOf = ({ id, model, tokens, time, thread }: OpenAnswer): RoutedEvent => ({
  thread,
  event: {
    id: eventId(name, `usage:${id}`),
    ...(time === undefined ? {} : { processed_at: time }),
    ...usageDraft(model, tokens),
  },
});

function answerOf(
  record: Json,
  place: Pick<OpenAnswer, 'time' | 'thread'>,
): OpenAnswer | undefined {
  const message = objectOf(record['message']);
  const { id, usage } = message;
  if (record['type'] !== 'assistant' || typeof id !== 'string' || !isJson(usage)) return undefined;
  const tokens = {
    input: countOf(usage['input_tokens']),
    output: countOf(usage['output_tokens']),
    cacheRead: countOf(usage['cache_read_input_tokens']),
    cacheWrite: countOf(usage['cache_creation_input_tokens']),
  };
  const model = textOf(message['model']);
  return { id, model: model === '<synthetic>' ? undefined : model, tokens, ...place };
}

function aboutBehind(about: About, record: Json): About {
  const title =
    textOf(record['customTitle']) ??
    textOf(record['aiTitle']) ??
    (record['type'] === 'summary' ? textOf(record['summary']) : undefined);
  return {
    ...about,
    title: title ?? about.title,
    cwd: about.cwd ?? textOf(record['cwd']),
    branch: textOf(record['gitBranch']) ?? about.branch,
    version: textOf(record['version']) ?? about.version,
    forkedFrom: textOf(objectOf(record['forkedFrom'])['sessionId']) ?? about.forkedFrom,
  };
}

/** Older versions wrote a sub-agent's records between those of its session. */
function chainOf(
  { chains }: ClaudeState,
  { isSidechain, uuid, parentUuid, agentId }: Json,
): readonly [string | undefined, ClaudeState['chains']] {
  if (isSidechain !== true || typeof uuid !== 'string') return [undefined, chains];
  const chain =
    textOf(agentId) ?? (typeof parentUuid === 'string' ? chains[parentUuid] : undefined) ?? uuid;
  const entries = Object.entries({ ...chains, [uuid]: chain });
  return [chain, Object.fromEntries(entries.slice(-chainsMax))];
}

/** What a record says to a reader, where it is no part of the conversation. */
function opaque(record: Json): Draft {
  const { type, summary, customTitle, aiTitle, lastPrompt } = record;
  const title = textOf(customTitle) ?? textOf(aiTitle) ?? textOf(summary) ?? textOf(lastPrompt);
  return { type: recordType(type), ...(title === undefined ? {} : { title }) };
}

interface Drafting {
  readonly id: string;
  readonly calls: ToolCalls;
}

interface Drafted {
  readonly drafts: readonly Draft[];
  readonly calls: ToolCalls;
}

function draftsOf(record: Json, drafting: Drafting): Drafted {
  const { type, message } = record;
  const { calls } = drafting;
  if (!transcript.has(type)) return { drafts: [], calls };
  if (type === 'system') return { drafts: systemDrafts(record), calls };
  const { content } = objectOf(message);
  const blocks =
    typeof content === 'string' ? [textBlock(content)] : listOf(content).filter(isJson);
  if (blocks.length !== (typeof content === 'string' ? 1 : listOf(content).length)) {
    return { drafts: [], calls };
  }
  return type === 'user'
    ? userDrafts(record, blocks, drafting)
    : agentDrafts(record, blocks, drafting);
}

function systemDrafts({ subtype, content }: Json): readonly Draft[] {
  if (subtype === 'compact_boundary' || subtype === 'microcompact_boundary') {
    return [{ type: 'agent.thread_context_compacted' }];
  }
  const text = textOf(content);
  return text === undefined ? [] : [{ type: 'system.message', content: [textBlock(text)] }];
}

const interruption = /^\[Request interrupted by user/;

function userDrafts(record: Json, blocks: readonly Json[], { calls }: Drafting): Drafted {
  const drafts: Draft[] = [];
  let open = calls;
  let said: Json[] = [];
  const say = (): void => {
    const isEmpty = said.every((block) => block['type'] === 'text' && block['text'] === '');
    if (!isEmpty) drafts.push({ type: saidAs(record, said), content: said });
    said = [];
  };
  for (const block of blocks) {
    if (block['type'] !== 'tool_result') {
      said.push(block);
      continue;
    }
    say();
    const id = textOf(block['tool_use_id']) ?? '';
    const isError = block['is_error'] === true;
    drafts.push({
      type: 'agent.tool_result',
      ...answering(open, id),
      is_error: isError,
      content: contentOf(block['content']),
    });
    open = withoutCall(open, id);
  }
  say();
  return { drafts, calls: open };
}

/** What the program says in a person's place is no message of theirs. */
function saidAs({ isMeta, isCompactSummary }: Json, [first]: readonly Json[]): string {
  if (isMeta === true || isCompactSummary === true) return 'system.message';
  return interruption.test(textOf(first?.['text']) ?? '') ? 'user.interrupt' : 'user.message';
}

const contentOf = (content: unknown): readonly unknown[] =>
  typeof content === 'string' ? [textBlock(content)] : listOf(content);

function agentDrafts(record: Json, blocks: readonly Json[], { id, calls }: Drafting): Drafted {
  let open = calls;
  const drafts = blocks.map((block, part): Draft => {
    const { type, name: tool, input } = block;
    const isUse = type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use';
    if (isUse && typeof tool === 'string') {
      open = withCall(open, String(block['id']), [partId(id, part), tool]);
      return useDraft(tool, { block, input });
    }
    if (type === 'thinking' || type === 'redacted_thinking') {
      return { type: 'agent.thinking', content: [block] };
    }
    if (typeof block['tool_use_id'] === 'string') {
      const answered = answering(open, block['tool_use_id']);
      return { type: 'agent.tool_result', ...answered, content: contentOf(block['content']) };
    }
    if (record['isApiErrorMessage'] === true) {
      const message = textOf(block['text']) ?? 'the model did not answer';
      return { type: 'session.error', error: { type: 'unknown_error', message } };
    }
    return { type: 'agent.message', content: [block] };
  });
  return { drafts, calls: open };
}

function useDraft(tool: string, { block, input }: { block: Json; input: unknown }): Draft {
  const own = mcpName(tool);
  const server = own?.server ?? textOf(block['server_name']);
  return server === undefined
    ? { type: 'agent.tool_use', name: tool, input: objectOf(input) }
    : {
        type: 'agent.mcp_tool_use',
        mcp_server_name: server,
        name: own?.tool ?? tool,
        input: objectOf(input),
      };
}
