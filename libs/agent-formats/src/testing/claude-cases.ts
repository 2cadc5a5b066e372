// Transcripts of Claude Code, made here: one case for everything that an import has to get right.

import type { Json } from '../json-fields.ts';
import { type CaseFile, type ImportCase, linesOf } from './import-case.ts';

export type { CaseFile, ImportCase };

const hexOf = (count: number): string => count.toString(16).padStart(12, '0');

const idOf = (number: number): string => `00000000-0000-4000-8000-${hexOf(number)}`;

/** Records of one session, each the child of the one before. */
class ClaudeWriter {
  readonly session: string;
  readonly #cwd: string;
  readonly #number: number;
  #count = 0;
  #last: string | null = null;

  constructor(number: number, cwd: string) {
    this.#number = number;
    this.#cwd = cwd;
    this.session = idOf(number);
  }

  get last(): string | null {
    return this.#last;
  }

  /** The next record is a child of this one: what was said since is left behind. */
  rewind(uuid: string | null): void {
    this.#last = uuid;
  }

  record(type: string, fields: Json): Json {
    this.#count += 1;
    const uuid = `${this.#number.toString(16).padStart(8, '0')}-0000-4000-9000-${hexOf(this.#count)}`;
    const record = {
      parentUuid: this.#last,
      isSidechain: false,
      userType: 'external',
      cwd: this.#cwd,
      sessionId: this.session,
      version: '2.1.332',
      gitBranch: 'main',
      type,
      uuid,
      timestamp: timeAt(this.#count),
      ...fields,
    };
    this.#last = uuid;
    return record;
  }

  user(content: unknown, fields: Json = {}): Json {
    return this.record('user', { message: { role: 'user', content }, ...fields });
  }

  /** One block of an answer; several share its id. */
  agent(id: string, block: Json, fields: Json = {}): Json {
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100 };
    const message = { id, type: 'message', role: 'assistant', model: 'claude-opus-5', usage };
    return this.record('assistant', {
      message: { ...message, content: [block], stop_reason: null },
      requestId: `req_${id}`,
      ...fields,
    });
  }

  result(toolUse: string, content: unknown, isError = false): Json {
    const block = { type: 'tool_result', tool_use_id: toolUse, content, is_error: isError };
    return this.user([block], { toolUseResult: { stdout: content, interrupted: false } });
  }
}

const two = (count: number): string => String(count).padStart(2, '0');

const timeAt = (second: number): string => {
  const minutes = 600 + Math.floor(second / 60);
  const day = 4 + Math.floor(minutes / 1_440);
  const hour = Math.floor(minutes / 60) % 24;
  return `2026-05-${two(day)}T${two(hour)}:${two(minutes % 60)}:${two(second % 60)}.123Z`;
};

const say = (text: string): Json => ({ type: 'text', text });
const use = (id: string, name: string, input: Json): Json => ({
  type: 'tool_use',
  id,
  name,
  input,
});

/** As Claude Code names the folder of a project. */
export function projectFolder(cwd: string): string {
  const plain = cwd.replaceAll(/[^a-zA-Z0-9]/g, '-');
  return plain.length <= 200 ? plain : `${plain.slice(0, 200)}-0abc12`;
}

interface CaseParts {
  readonly name: string;
  readonly cwd?: string;
  readonly types: ImportCase['types'];
  readonly left?: ImportCase['left'];
  readonly write: (writer: ClaudeWriter) => readonly Json[];
  readonly tail?: string;
  readonly more?: (writer: ClaudeWriter) => Readonly<Record<string, readonly Json[]>>;
  /** Likewise, in the folder of the session. */
  readonly beside?: (writer: ClaudeWriter) => Readonly<Record<string, readonly Json[]>>;
}

const long = 'a text that is longer than what is worth a hole in its record, by far and then some';

const parts: readonly CaseParts[] = [
  {
    name: 'a plain turn',
    types: { '': ['user.message', 'agent.message', 'span.model_request_end'] },
    write: (w) => [w.user('hello there'), w.agent('msg_1', say(long))],
  },
  {
    name: 'parallel tool calls, in answers of several records',
    types: {
      '': [
        'user.message',
        'agent.thinking',
        'agent.tool_use',
        'agent.mcp_tool_use',
        'span.model_request_end',
        'agent.tool_result',
        'agent.tool_result',
      ],
    },
    write: (w) => [
      w.user([say('look at both')]),
      w.agent('msg_1', { type: 'thinking', thinking: long, signature: 'c2lnbmF0dXJl' }),
      w.agent('msg_1', use('toolu_1', 'Bash', { command: 'cat one.txt' })),
      w.agent('msg_1', use('toolu_2', 'mcp__files__read', { path: 'two.txt' })),
      w.result('toolu_1', 'first'),
      w.result('toolu_2', [say('second')]),
    ],
  },
  {
    name: 'a failed tool',
    types: { '': ['agent.tool_use', 'span.model_request_end', 'agent.tool_result'] },
    write: (w) => [
      w.agent('msg_1', use('toolu_1', 'Bash', { command: 'false' })),
      w.result('toolu_1', 'Exit code 1', true),
    ],
  },
  {
    name: 'an interrupted turn',
    types: { '': ['user.message', 'agent.message', 'span.model_request_end', 'user.interrupt'] },
    write: (w) => [
      w.user('go'),
      w.agent('msg_1', say('going')),
      w.user([say('[Request interrupted by user]')]),
    ],
  },
  {
    name: 'an image and a document',
    types: { '': ['user.message'] },
    write: (w) => [
      w.user([
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGVsbG8=' } },
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: long } },
        say('what is this?'),
      ]),
    ],
  },
  {
    name: 'a sub-agent beside its session, nested ones too',
    types: {
      '': ['user.message', 'session.thread_created', 'session.thread_created', 'agent.tool_use'],
      'subagents/agent-a1': ['user.message', 'agent.tool_use', 'span.model_request_end'],
      'subagents/workflows/run-1/agent-b2': ['user.message'],
    },
    write: (w) => [w.user('delegate')],
    more: (w) => ({
      'subagents/agent-a1': [
        w.user('do it', { isSidechain: true, agentId: 'a1' }),
        w.agent('msg_1', use('toolu_9', 'Bash', { command: 'true' }), {
          isSidechain: true,
          agentId: 'a1',
        }),
      ],
      'subagents/workflows/run-1/agent-b2': [
        w.user('me too', { isSidechain: true, agentId: 'b2' }),
      ],
    }),
  },
  {
    name: 'a sidechain between the records of its session, as older versions wrote it',
    types: {
      '': ['user.message', 'session.thread_created', 'agent.message', 'span.model_request_end'],
      '00000007-0000-4000-9000-000000000002': [
        'user.message',
        'agent.message',
        'span.model_request_end',
      ],
    },
    write: (w) => [
      w.user('main'),
      w.user('side', { isSidechain: true, parentUuid: null }),
      w.agent('msg_s', say('side answer'), { isSidechain: true }),
      w.agent('msg_m', say('main answer')),
    ],
  },
  {
    name: 'a compaction',
    types: {
      '': ['user.message', 'agent.thread_context_compacted', 'system.message', 'user.message'],
    },
    write: (w) => [
      w.user('before'),
      w.record('system', {
        subtype: 'compact_boundary',
        content: 'Conversation compacted',
        logicalParentUuid: w.last,
        parentUuid: null,
        compactMetadata: { trigger: 'auto', preTokens: 150_000 },
      }),
      w.user(`This session is being continued: ${long}`, { isCompactSummary: true }),
      w.user('after'),
    ],
  },
  {
    name: 'a rewind',
    types: {
      '': ['user.message', 'user.message', 'session.thread_rolled_back', 'user.message'],
    },
    left: [['user.message', 'user.message']],
    write: (w) => {
      const first = w.user('one');
      const from = w.last;
      const left = w.user('two, which is taken back');
      w.rewind(from);
      return [first, left, w.user('two again')];
    },
  },
  {
    name: 'a rewind to the beginning, and one from what was said since',
    types: {
      '': [
        'user.message',
        'agent.message',
        'span.model_request_end',
        'session.thread_rolled_back',
        'user.message',
        'agent.message',
        'span.model_request_end',
        'session.thread_rolled_back',
        'user.message',
      ],
    },
    left: [
      ['user.message', 'agent.message', 'span.model_request_end'],
      [
        'user.message',
        'agent.message',
        'span.model_request_end',
        'session.thread_rolled_back',
        'user.message',
        'agent.message',
        'span.model_request_end',
      ],
    ],
    write: (w) => {
      const records = [w.user('a first try'), w.agent('msg_1', say('an answer'))];
      w.rewind(null);
      records.push(w.user('a second try'));
      const second = w.last;
      records.push(w.agent('msg_2', say('another answer')));
      w.rewind(second);
      return [...records, w.user('and a third')];
    },
  },
  {
    name: 'results of parallel calls, which are no rewind',
    types: {
      '': [
        'user.message',
        'agent.tool_use',
        'agent.tool_use',
        'span.model_request_end',
        'agent.tool_result',
        'agent.tool_result',
        'system.record.progress',
        'agent.message',
        'span.model_request_end',
        'user.message',
      ],
    },
    write: (w) => {
      const records = [w.user('both'), w.agent('msg_1', use('toolu_1', 'Bash', { command: 'a' }))];
      const first = w.last;
      records.push(w.agent('msg_1', use('toolu_2', 'Bash', { command: 'b' })));
      const second = w.last;
      w.rewind(first);
      records.push(w.result('toolu_1', 'a'));
      w.rewind(second);
      records.push(w.result('toolu_2', 'b'));
      const results = w.last;
      records.push(w.record('progress', { data: { type: 'hook_progress' } }));
      w.rewind(results);
      return [...records, w.agent('msg_2', say('done')), w.user('thank you')];
    },
  },
  {
    name: 'titles, tags and what the program notes',
    types: {
      '': [
        'system.record.summary',
        'user.message',
        'system.record.custom-title',
        'system.record.tag',
        'system.record.file-history-snapshot',
        'system.record.permission-mode',
      ],
    },
    write: (w) => [
      { type: 'summary', summary: 'An earlier title', leafUuid: 'none' },
      w.user('hi'),
      { type: 'custom-title', customTitle: 'A title of one’s own', sessionId: w.session },
      { type: 'tag', tag: 'important', sessionId: w.session },
      { type: 'file-history-snapshot', messageId: 'm', snapshot: { trackedFileBackups: {} } },
      { type: 'permission-mode', permissionMode: 'plan', sessionId: w.session },
    ],
  },
  {
    name: 'records that nobody knows',
    types: { '': ['system.record.hologram', 'system.record.untyped', 'system.record.untyped'] },
    write: (w) => [
      w.record('hologram', { beams: [1, 2.5, null], deep: { __proto__x: true } }),
      { no: 'type' },
      [1, 2, 3] as unknown as Json,
    ],
  },
  {
    name: 'a time that is none',
    types: { '': ['user.message', 'user.message'] },
    write: (w) => [
      w.user('at no hour', { timestamp: '2026-05-04T25:00:00.123Z' }),
      w.user('whenever', { timestamp: 'whenever' }),
    ],
  },
  {
    name: 'a torn last line',
    types: { '': ['user.message'] },
    write: (w) => [w.user('whole')],
    tail: '{"type":"user","uuid":"torn","message":{"role":"us',
  },
  {
    name: 'a record that comes twice',
    types: { '': ['user.message', 'agent.message', 'span.model_request_end'] },
    write: (w) => {
      const [user, agent] = [w.user('once'), w.agent('msg_1', say('and once'))];
      return [user, agent, user, agent];
    },
  },
  {
    name: 'a folder that is not ASCII',
    cwd: '/home/jürgen/プロジェクト/été',
    types: { '': ['user.message'] },
    write: (w) => [w.user('grüße, 世界 🌍')],
  },
  {
    name: 'a folder of more than 200 characters',
    cwd: `/home/someone/${'deep/'.repeat(60)}end`,
    types: { '': ['user.message'] },
    write: (w) => [w.user('far down')],
  },
  {
    name: 'a fork of another session',
    types: { '': ['user.message', 'user.message'] },
    write: (w) => [
      w.user('said there', { forkedFrom: { sessionId: idOf(0xfff), messageUuid: 'there' } }),
      w.user('said here'),
    ],
  },
  {
    name: 'a sub-agent’s file of older versions, beside the sessions',
    types: {
      '': ['user.message', 'session.thread_created'],
      'subagents/agent-old': ['user.message', 'agent.message', 'span.model_request_end'],
    },
    write: (w) => [w.user('delegate, as it was')],
    beside: (w) => ({
      'agent-old': [
        w.user('do it', { isSidechain: true, parentUuid: null, agentId: 'old' }),
        w.agent('msg_1', say('done'), { isSidechain: true, agentId: 'old' }),
      ],
    }),
  },
  {
    name: 'an answer that failed, and one of a server’s own tool',
    types: {
      '': ['session.error', 'agent.tool_use', 'agent.tool_result', 'span.model_request_end'],
    },
    write: (w) => [
      w.record('assistant', {
        isApiErrorMessage: true,
        message: { role: 'assistant', content: [say('API Error: 529 overloaded')] },
      }),
      w.agent('msg_2', {
        type: 'server_tool_use',
        id: 'srvtoolu_1',
        name: 'web_search',
        input: { query: 'tides' },
      }),
      w.agent('msg_2', {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: [{ type: 'web_search_result', url: 'https://a.example', title: 'Tides' }],
      }),
    ],
  },
];

export const claudeCases: readonly ImportCase[] = parts.map(caseOf);

function caseOf(
  { name, cwd = '/home/someone/work', types, left, write, tail, more, beside }: CaseParts,
  index: number,
): ImportCase {
  const writer = new ClaudeWriter(index + 1, cwd);
  const folder = `projects/${projectFolder(cwd)}`;
  const main = {
    path: `${folder}/${writer.session}.jsonl`,
    text: linesOf(write(writer)) + (tail ?? ''),
  };
  const filesOf = (parent: string, named: Readonly<Record<string, readonly Json[]>> = {}) =>
    Object.entries(named).map(([key, records]) => ({
      path: `${parent}/${key}.jsonl`,
      text: linesOf(records),
    }));
  const others = [
    ...filesOf(`${folder}/${writer.session}`, more?.(writer)),
    ...filesOf(folder, beside?.(writer)),
  ];
  return { name, types, files: [main, ...others], ...(left === undefined ? {} : { left }) };
}

/** A long session: turns of four records. */
export function claudeLongFile(records: number): CaseFile {
  const writer = new ClaudeWriter(0xffff, '/home/someone/long');
  const lines: string[] = [];
  for (let turn = 0; lines.length < records; turn += 1) {
    lines.push(
      JSON.stringify(writer.user(`step ${turn}: ${long}`)),
      JSON.stringify(writer.agent(`msg_${turn}`, say(`I look at file number ${turn}. ${long}`))),
      JSON.stringify(
        writer.agent(`msg_${turn}`, use(`toolu_${turn}`, 'Bash', { command: `cat f${turn}` })),
      ),
      JSON.stringify(writer.result(`toolu_${turn}`, `contents of f${turn}: ${long} ${long}`)),
    );
  }
  const text = `${lines.slice(0, records).join('\n')}\n`;
  return { path: `projects/-home-someone-long/${writer.session}.jsonl`, text };
}
