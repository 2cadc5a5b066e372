// Sessions of OpenCode, made here, as its older versions keep them: a file for each session, message and part.

import type { Json } from '../json-fields.ts';
import type { CaseFile, ImportCase } from './import-case.ts';

interface Part {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface Message {
  readonly role: 'user' | 'assistant';
  readonly parts: readonly Part[];
  readonly more?: Json;
}

const atMs = (count: number): number => 1_777_888_000_000 + 1_000 * count;

/** What of one session lies where. */
export function opencodeSession(
  id: string,
  messages: readonly Message[],
  more: Json = {},
): readonly CaseFile[] {
  const session = `ses_${id}`;
  const file = (path: string, value: Json): CaseFile => ({
    path: `storage/${path}.json`,
    text: JSON.stringify(value),
  });
  const info = {
    id: session,
    projectID: 'global',
    directory: '/home/someone/work',
    title: `Session ${id}`,
    version: '1.2.3',
    time: { created: atMs(0), updated: atMs(999) },
    ...more,
  };
  let count = 0;
  return [
    file(`session/global/${session}`, info),
    ...messages.flatMap(({ role, parts, more: fields }) => {
      count += 1;
      const message = `msg_${id}_${String(count).padStart(4, '0')}`;
      const completed = role === 'assistant' ? { completed: atMs(count + 1) } : {};
      const assistant = {
        modelID: 'claude-opus-5',
        providerID: 'anthropic',
        cost: 0.0125,
        tokens: { input: 10, output: 5, reasoning: 1, cache: { read: 7, write: 3 } },
        path: { cwd: '/home/someone/work', root: '/' },
      };
      const own = {
        id: message,
        sessionID: session,
        role,
        time: { created: atMs(count), ...completed },
        ...(role === 'assistant' ? assistant : {}),
        ...fields,
      };
      return [
        file(`message/${session}/${message}`, own),
        ...parts.map((part, index) => {
          const partId = `prt_${id}_${String(count).padStart(4, '0')}_${index}`;
          const value = { id: partId, messageID: message, sessionID: session, ...part };
          return file(`part/${message}/${partId}`, value);
        }),
      ];
    }),
  ];
}

const text = (words: string, more: Json = {}): Part => ({ type: 'text', text: words, ...more });

const tool = (status: string, more: Json): Part => ({
  type: 'tool',
  callID: `call_${status}`,
  tool: 'bash',
  state: { status, input: { command: 'ls' }, ...more },
});

const user = (...parts: readonly Part[]): Message => ({ role: 'user', parts });
const agent = (...parts: readonly Part[]): Message => ({ role: 'assistant', parts });

const session = 'system.record.session';
const asked = 'system.record.message';
const usage = 'span.model_request_end';

export const opencodeCases: readonly ImportCase[] = [
  {
    name: 'a plain turn with reasoning',
    types: {
      '': [
        session,
        asked,
        'user.message',
        usage,
        'system.record.part.step-start',
        'agent.thinking',
        'agent.message',
      ],
    },
    files: opencodeSession('plain', [
      user(text('hello opencode')),
      agent({ type: 'step-start' }, { type: 'reasoning', text: 'hm' }, text('hello to you')),
    ]),
  },
  {
    name: 'tool calls, one of which failed',
    types: {
      '': [
        session,
        usage,
        'agent.tool_use',
        'agent.tool_result',
        'agent.tool_use',
        'agent.tool_result',
      ],
    },
    files: opencodeSession('tools', [
      agent(
        tool('completed', { output: 'a.txt\nb.txt' }),
        tool('error', { error: 'no such folder' }),
      ),
    ]),
  },
  {
    name: 'a file, a compaction, an error, what the program says and what nobody knows',
    types: {
      '': [
        session,
        asked,
        'user.message',
        'system.message',
        'agent.thread_context_compacted',
        'session.error',
        usage,
        'system.record.part.hologram',
      ],
    },
    files: opencodeSession('mixed', [
      user(
        {
          type: 'file',
          mime: 'image/png',
          filename: 'a.png',
          url: 'data:image/png;base64,aGVsbG8=',
        },
        text('injected', { synthetic: true }),
        { type: 'compaction' },
      ),
      {
        role: 'assistant',
        parts: [{ type: 'hologram', beams: 3 }],
        more: { error: { name: 'APIError', data: { message: 'overloaded' } } },
      },
    ]),
  },
  {
    name: 'a turn that still runs is held',
    types: { '': [session, asked, 'user.message'] },
    files: opencodeSession('running', [
      user(text('go')),
      { role: 'assistant', parts: [tool('running', {})], more: { time: { created: atMs(2) } } },
    ]),
  },
  {
    name: 'an interrupted turn, whose call never ended',
    types: { '': [session, asked, 'user.message', 'session.error', usage, 'agent.tool_use'] },
    files: opencodeSession('interrupted', [
      user(text('go')),
      {
        role: 'assistant',
        parts: [tool('running', {})],
        more: { error: { name: 'MessageAbortedError', data: { message: 'aborted' } } },
      },
    ]),
  },
  {
    name: 'a rewind: what stands behind it is taken back',
    types: {
      '': [
        session,
        asked,
        'user.message',
        usage,
        'agent.message',
        asked,
        'user.message',
        'session.thread_rolled_back',
      ],
    },
    left: [[session, asked, 'user.message', usage, 'agent.message', asked, 'user.message']],
    files: opencodeSession(
      'rewound',
      [user(text('one')), agent(text('an answer')), user(text('two, which is taken back'))],
      { revert: { messageID: 'msg_rewound_0003', snapshot: 'abc', diff: '' } },
    ),
  },
  {
    name: 'what changed, what was asked of others and again, in a folder that is not ASCII',
    types: {
      '': [
        session,
        asked,
        'user.message',
        'system.record.part.agent',
        'system.record.part.subtask',
        usage,
        'session.error',
        'system.record.part.snapshot',
        'system.record.part.patch',
        'agent.message',
        'system.record.part.step-finish',
      ],
    },
    files: opencodeSession(
      'changed',
      [
        user(text('grüße, 世界 🌍'), { type: 'agent', name: 'explore' }, { type: 'subtask' }),
        agent(
          { type: 'retry', attempt: 1, error: { name: 'APIError', data: { message: 'busy' } } },
          { type: 'snapshot', snapshot: 'abc' },
          { type: 'patch', hash: 'abc', files: ['a.txt'] },
          text('done'),
          { type: 'step-finish', reason: 'stop', cost: 0.01 },
        ),
      ],
      {
        directory: `/home/jürgen/プロジェクト/${'deep/'.repeat(60)}end`,
        fork_session_id: 'ses_elsewhere',
      },
    ),
  },
  {
    name: 'a child session, a thread of its parent',
    types: {
      '': [session, asked, 'user.message', 'session.thread_created'],
      ses_child: [session, asked, 'user.message'],
    },
    files: [
      ...opencodeSession('parent', [user(text('delegate'))]),
      ...opencodeSession('child', [user(text('do it'))], {
        parentID: 'ses_parent',
        agent: 'explore',
      }),
    ],
  },
];
