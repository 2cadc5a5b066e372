import { describe, expect, test } from 'vitest';
import { isFailed, Transcript, tookMs, toolCounts } from './transcript.js';

type Event = Record<string, unknown>;

const at = (second: number): { processed_at: string } => ({
  processed_at: new Date(1_700_000_000_000 + second * 1_000).toISOString(),
});

function transcriptOf(events: readonly Event[], firstSeq = 0): Transcript {
  const transcript = new Transcript();
  for (const [index, event] of events.entries()) transcript.push(firstSeq + index, event);
  return transcript;
}

const kindsOf = ({ rows }: Transcript): string[] => rows.map(({ kind }) => kind);

describe('turns', () => {
  const turn: readonly Event[] = [
    { id: 'a', type: 'user.message', content: 'do', ...at(0) },
    { id: 'b', type: 'session.status_running', ...at(0) },
    { id: 'c', type: 'user.message', content: 'and this', ...at(1) },
    { id: 'd', type: 'span.model_request_start', ...at(1) },
    { id: 'e', type: 'agent.message', content: 'done', ...at(3) },
    {
      id: 'f',
      type: 'span.model_request_end',
      model_request_start_id: 'd',
      model_usage: { input_tokens: 10, output_tokens: 5 },
      ...at(3),
    },
    { id: 'g', type: 'session.status_idle', stop_reason: { type: 'end_turn' }, ...at(4) },
  ];

  test('begin with a message and end with idle; what is said meanwhile belongs to them', () => {
    const transcript = transcriptOf([...turn, { type: 'user.message', content: 'next', ...at(9) }]);
    expect(kindsOf(transcript)).toEqual([
      ...['turn', 'message', 'message', 'request', 'message', 'status'],
      ...['turn', 'message'],
    ]);
    expect(transcript.rows[0]).toMatchObject({ tokens: 15, requests: 1, tools: 0 });
    expect(tookMs(transcript.rows[0] as never)).toBe(4_000);
  });

  test('begin with each message where nobody writes when they run', () => {
    const said = ['user.message', 'agent.message', 'user.message', 'agent.message'];
    const transcript = transcriptOf(said.map((type) => ({ type, content: type })));
    expect(kindsOf(transcript)).toEqual([
      ...['turn', 'message', 'message'],
      ...['turn', 'message', 'message'],
    ]);
  });

  test('a model request is one row with its end, and an end alone is a row of its own', () => {
    const whole = transcriptOf(turn);
    expect(whole.rows.filter(({ kind }) => kind === 'request')).toHaveLength(1);
    expect(whole.rowOf(5)).toBe(whole.rowOf(3));
    const cut = transcriptOf(turn.slice(5), 5);
    expect(kindsOf(cut)).toEqual(['request', 'status']);
  });
});

describe('tool calls', () => {
  const use = { id: 'u', type: 'agent.tool_use', name: 'bash', input: {}, ...at(0) };
  const result = { id: 'r', type: 'agent.tool_result', tool_use_id: 'u', content: 'x', ...at(2) };

  test('are one row with their result, which says how long it took', () => {
    const { rows } = transcriptOf([use, result]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ state: 'done', resultSeq: 1 });
    expect(tookMs(rows[0] as never)).toBe(2_000);
  });

  test.each([
    ['agent.mcp_tool_use', 'agent.mcp_tool_result', 'mcp_tool_use_id'],
    ['agent.custom_tool_use', 'user.custom_tool_result', 'custom_tool_use_id'],
    ['agent.tool_use', 'user.tool_result', 'tool_use_id'],
  ])('%s is answered by %s', (type, answer, name) => {
    const { rows } = transcriptOf([
      { ...use, type },
      { type: answer, [name]: 'u' },
    ]);
    expect(rows).toMatchObject([{ kind: 'tool', state: 'done' }]);
  });

  test('that failed are marked', () => {
    const { rows } = transcriptOf([use, { ...result, is_error: true }]);
    expect(isFailed(rows[0] as never)).toBe(true);
  });

  test('wait for a person, and are allowed or denied', () => {
    const waits = {
      type: 'session.status_idle',
      stop_reason: { type: 'requires_action', event_ids: ['u'] },
    };
    const answer = { type: 'user.tool_confirmation', tool_use_id: 'u', result: 'deny' };
    expect(transcriptOf([use, waits]).rowOf(0)).toMatchObject({ state: 'waiting' });
    const answered = transcriptOf([use, waits, answer]);
    expect(answered.rowOf(0)).toMatchObject({ state: 'denied' });
    expect(answered.rowOf(2)).toBe(answered.rowOf(0));
  });

  test('of a thread run elsewhere, and wait for a person here', () => {
    const use = { id: 'u', type: 'agent.tool_use', name: 'bash', session_thread_id: 't' };
    expect(transcriptOf([use]).rows[0]?.state).toBe('elsewhere');
    const stop_reason = { type: 'requires_action', event_ids: ['u'] };
    const idle = { type: 'session.status_idle', stop_reason };
    expect(transcriptOf([use, idle]).rows[0]?.state).toBe('waiting');
  });

  test('a result whose call is not loaded, and a second result, stand for themselves', () => {
    expect(kindsOf(transcriptOf([result]))).toEqual(['result']);
    expect(kindsOf(transcriptOf([use, result, { ...result, id: 's' }]))).toEqual([
      'tool',
      'result',
    ]);
  });

  test('are counted by tool, with failures and the median', () => {
    const calls = [1, 2, 30].flatMap((seconds, index) => [
      { ...use, id: `u${index}` },
      { ...result, tool_use_id: `u${index}`, is_error: index === 2, ...at(seconds) },
    ]);
    const other = { ...use, id: 'o', name: 'read' };
    expect(toolCounts(transcriptOf([...calls, other]).rows)).toMatchObject([
      { name: 'bash', calls: 3, failures: 1, medianMs: 2_000 },
      { name: 'read', calls: 1, failures: 0, medianMs: undefined },
    ]);
  });
});

test('one more event touches no row but its own, however many there are', () => {
  const events = Array.from({ length: 5_000 }, (_, index) => ({
    id: `e${index}`,
    type: index % 2 === 0 ? 'agent.tool_use' : 'agent.message',
    content: 'x',
  }));
  const transcript = transcriptOf(events);
  const before = transcript.rows.map(({ version }) => version);
  const { rows } = transcript;
  transcript.push(5_000, { type: 'agent.tool_result', tool_use_id: 'e2', content: '' });
  expect(transcript.rows).toBe(rows);
  const changed = rows.filter(({ version }, index) => version !== before[index]);
  expect(changed).toHaveLength(1);
});

test('events of any shape have a row each', () => {
  const odd: readonly Event[] = [
    {},
    { type: 'harness.own', deep: { a: [1] } },
    { type: 'session.status_idle', stop_reason: 'text' },
    { type: 'session.status_idle', stop_reason: { event_ids: 'none' } },
    { type: 'span.model_request_end', model_usage: 7, model_request_start_id: { a: 1 } },
    { type: 'session.error', error: null },
    { type: 'agent.tool_result' },
  ];
  const transcript = transcriptOf(odd, 100);
  for (const index of odd.keys()) expect(transcript.rowOf(100 + index)).toBeDefined();
});
