// Rollouts of Codex, made here.

import type { Json } from '../json-fields.ts';
import { type ImportCase, linesOf } from './import-case.ts';

const idOf = (number: number): string =>
  `019a0000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;

const pathOf = (id: string): string =>
  `sessions/2026/05/04/rollout-2026-05-04T10-00-00-${id}.jsonl`;

let second = 0;
const line = (type: string, payload: Json): Json => {
  second = (second + 1) % 60;
  return { timestamp: `2026-05-04T10:00:${String(second).padStart(2, '0')}.500Z`, type, payload };
};

const meta = (id: string, more: Json = {}): Json =>
  line('session_meta', {
    id,
    timestamp: '2026-05-04T10:00:00.000Z',
    cwd: '/home/someone/work',
    originator: 'codex_cli_rs',
    cli_version: '0.98.0',
    source: 'cli',
    model_provider: 'openai',
    git: { branch: 'trunk', commit_hash: 'abc' },
    ...more,
  });

const item = (payload: Json): Json => line('response_item', payload);
const message = (payload: Json): Json => line('event_msg', payload);

const said = (role: string, text: string): Json =>
  item({
    type: 'message',
    role,
    content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
  });

const context = line('turn_context', { cwd: '/home/someone/work', model: 'gpt-6-codex' });

const tokens = message({
  type: 'token_count',
  info: {
    last_token_usage: { input_tokens: 120, cached_input_tokens: 100, output_tokens: 7 },
    total_token_usage: { input_tokens: 120, cached_input_tokens: 100, output_tokens: 7 },
  },
});

interface CaseParts {
  readonly name: string;
  readonly types: readonly string[];
  readonly records: readonly Json[];
  readonly tail?: string;
  readonly left?: ImportCase['left'];
  readonly more?: Json;
}

const twice = said('user', 'once');

const parts: readonly CaseParts[] = [
  {
    name: 'a plain turn, whose texts stand twice',
    types: [
      'system.record.turn_context',
      'system.message',
      'user.message',
      'system.record.event_msg.user_message',
      'agent.thinking',
      'system.record.event_msg.agent_reasoning',
      'agent.message',
      'system.record.event_msg.agent_message',
      'span.model_request_end',
    ],
    records: [
      context,
      said('user', '<environment_context>\n<cwd>/home/someone/work</cwd></environment_context>'),
      said('user', 'hello there'),
      message({ type: 'user_message', message: 'hello there' }),
      item({
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: '**Greeting**' }],
        encrypted_content: 'gAAAA',
      }),
      message({ type: 'agent_reasoning', text: '**Greeting**' }),
      said('assistant', 'hello to you'),
      message({ type: 'agent_message', message: 'hello to you' }),
      tokens,
    ],
  },
  {
    name: 'tool calls of all kinds, in parallel, and a failed one',
    types: [
      'agent.tool_use',
      'agent.mcp_tool_use',
      'agent.tool_use',
      'agent.tool_use',
      'agent.tool_use',
      'agent.tool_result',
      'agent.tool_result',
      'agent.tool_result',
    ],
    records: [
      item({
        type: 'function_call',
        name: 'shell',
        arguments: '{"command":["ls"]}',
        call_id: 'c1',
      }),
      item({
        type: 'function_call',
        name: 'mcp__files__read',
        arguments: '{"path":"a"}',
        call_id: 'c2',
      }),
      item({
        type: 'custom_tool_call',
        name: 'apply_patch',
        input: '*** Begin Patch',
        call_id: 'c3',
      }),
      item({
        type: 'local_shell_call',
        call_id: 'c4',
        status: 'completed',
        action: { type: 'exec' },
      }),
      item({
        type: 'web_search_call',
        status: 'completed',
        action: { type: 'search', query: 'q' },
      }),
      item({
        type: 'function_call_output',
        call_id: 'c1',
        output: '{"output":"no such file","metadata":{"exit_code":2}}',
      }),
      item({ type: 'function_call_output', call_id: 'c2', output: 'the text of a' }),
      item({ type: 'custom_tool_call_output', call_id: 'c3', output: 'Success' }),
    ],
  },
  {
    name: 'an interruption, a rollback, a compaction and an error',
    types: [
      'user.message',
      'user.interrupt',
      'session.thread_rolled_back',
      'agent.thread_context_compacted',
      'system.record.event_msg.context_compacted',
      'session.error',
    ],
    left: [['system.record.session_meta', 'user.message', 'user.interrupt']],
    records: [
      said('user', 'go'),
      message({ type: 'turn_aborted', reason: 'interrupted' }),
      message({ type: 'thread_rolled_back', num_turns: 1 }),
      line('compacted', { message: 'what was said so far', replacement_history: [] }),
      message({ type: 'context_compacted' }),
      message({ type: 'error', message: 'usage limit reached' }),
    ],
  },
  {
    name: 'an image, a name, and what nobody knows',
    types: [
      'user.message',
      'system.record.event_msg.thread_name_updated',
      'system.record.world_state',
      'system.record.response_item.ghost_snapshot',
    ],
    records: [
      item({
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_image', image_url: 'data:image/png;base64,aGVsbG8=' },
          { type: 'input_text', text: 'what is this?' },
        ],
      }),
      message({ type: 'thread_name_updated', thread_name: 'A name of its own' }),
      line('world_state', { state: { files: 3 } }),
      item({ type: 'ghost_snapshot', ghost_commit: { id: 'abc' } }),
    ],
  },
  {
    name: 'a record that comes twice, which says the same again',
    types: ['user.message', 'user.message'],
    records: [twice, twice],
  },
  {
    name: 'a turn’s context of older versions, and what newer ones add',
    types: [
      'system.record.turn_context',
      'user.message',
      'agent.message',
      'system.record.inter_agent_communication',
      'agent.tool_use',
      'agent.tool_result',
      'system.record.event_msg.task_complete',
    ],
    records: [
      line('turn_context', {
        cwd: '/home/someone/work',
        model: 'gpt-5-codex',
        sandbox_policy: { mode: 'workspace-write', network_access: false },
      }),
      said('user', 'go on'),
      item({
        type: 'agent_message',
        author: 'planner',
        recipient: 'worker',
        content: [{ type: 'output_text', text: 'take this' }],
      }),
      line('inter_agent_communication', { from: 'planner', to: 'worker' }),
      item({ type: 'tool_search_call', call_id: 's1', arguments: { query: 'tides' } }),
      item({ type: 'tool_search_output', call_id: 's1', tools: [] }),
      message({ type: 'task_complete', last_agent_message: 'done' }),
    ],
  },
  {
    name: 'a folder that is not ASCII, and a fork of another session',
    types: ['user.message'],
    more: {
      cwd: `/home/jürgen/プロジェクト/${'deep/'.repeat(60)}end`,
      forked_from_id: idOf(0xfff),
    },
    records: [said('user', 'grüße, 世界 🌍')],
  },
  {
    name: 'a torn last line',
    types: ['user.message'],
    records: [said('user', 'whole')],
    tail: '{"timestamp":"2026-05-04T10:00:59Z","type":"respon',
  },
];

const legacyId = idOf(0x900);
const [parentId, childId] = [idOf(0x901), idOf(0x902)];

export const codexCases: readonly ImportCase[] = [
  ...parts.map(({ name, types, records, tail, left, more }, index) => {
    const id = idOf(index + 1);
    const text = linesOf([meta(id, more), ...records]) + (tail ?? '');
    return {
      name,
      ...(left === undefined ? {} : { left }),
      types: { '': ['system.record.session_meta', ...types] },
      files: [{ path: pathOf(id), text }],
    };
  }),
  {
    name: 'a rollout of the first versions: bare items',
    types: {
      '': ['system.record.session_meta', 'user.message', 'agent.tool_use', 'agent.tool_result'],
    },
    files: [
      {
        path: pathOf(legacyId),
        text: linesOf([
          { id: legacyId, timestamp: '2025-04-20T08:00:00.000Z', instructions: null },
          { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'old times' }] },
          { type: 'function_call', name: 'shell', arguments: '{}', call_id: 'c1', id: 'fc_1' },
          {
            type: 'function_call_output',
            call_id: 'c1',
            output: '{"output":"ok","metadata":{"exit_code":0}}',
          },
        ]),
      },
    ],
  },
  {
    name: 'a sub-agent’s rollout, a thread of the one that began it',
    types: {
      '': ['system.record.session_meta', 'user.message', 'session.thread_created'],
      [childId]: ['system.record.session_meta', 'user.message'],
    },
    files: [
      { path: pathOf(parentId), text: linesOf([meta(parentId), said('user', 'delegate')]) },
      {
        path: pathOf(childId),
        text: linesOf([
          meta(childId, {
            source: { subagent: { thread_spawn: { parent_thread_id: parentId, depth: 1 } } },
            agent_nickname: 'explorer',
          }),
          said('user', 'look around'),
        ]),
      },
    ],
  },
];
