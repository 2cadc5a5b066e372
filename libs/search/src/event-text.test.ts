import { describe, expect, test } from 'vitest';
import { textsOf } from './document.ts';
import { searchLimits } from './search-limits.ts';

const read = (event: unknown) => textsOf({ body: JSON.stringify(event) });

describe('the text of an event', () => {
  test.each<[string, unknown, readonly string[]]>([
    [
      'of a message is that of its blocks',
      { id: 'sevt_1', type: 'user.message', content: [{ type: 'text', text: 'hello' }] },
      ['hello'],
    ],
    [
      'of a tool use is its name and every string of its input, but no identifiers',
      {
        type: 'agent.tool_use',
        name: 'bash',
        input: { command: 'ls -l', deep: { notes: ['one', 'two'] }, call_id: 'x_1' },
        session_thread_id: 'sthr_1',
      },
      ['bash', 'ls -l', 'one', 'two'],
    ],
    [
      'of a result is its content, search results included',
      {
        type: 'agent.tool_result',
        tool_use_id: 'toolu_1',
        content: [
          {
            type: 'search_result',
            source: 'https://a.b/c',
            title: 'Title',
            content: [{ type: 'text', text: 'found' }],
          },
        ],
      },
      ['https://a.b/c', 'Title', 'found'],
    ],
    [
      'of an error is its message',
      {
        type: 'session.error',
        error: { type: 'unknown_error', message: 'overloaded', retry_status: { type: 'retrying' } },
      },
      ['overloaded'],
    ],
    [
      'of a plain text document is its data',
      {
        type: 'user.message',
        content: [
          { type: 'document', source: { type: 'text', data: 'plain', media_type: 'text/plain' } },
        ],
      },
      ['plain'],
    ],
    [
      'of a status is nothing',
      { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
      [],
    ],
    [
      'of any other JSON is every string that is no identifier or time',
      {
        type: 'order.placed',
        orderId: 'o1',
        customer: 'Acme',
        created_at: '2026-01-01',
        lines: [{ sku: 'bolt', count: 3 }],
      },
      ['Acme', 'bolt'],
    ],
    ['of a string is itself', 'just text', ['just text']],
    ['of a number is nothing', 42, []],
    [
      'with keys of Object’s own',
      JSON.parse('{"__proto__":{"text":"own"},"constructor":"built"}'),
      ['own', 'built'],
    ],
  ])('%s', (_, event, expected) => {
    expect(read(event).texts).toEqual(expected);
  });

  test('leaves images and files out, and says so', () => {
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'aGk=' },
    };
    const event = { type: 'user.message', content: [image, { type: 'text', text: 'see' }] };
    expect(read(event)).toMatchObject({ texts: ['see'], hasBlob: true, isCut: false });
  });

  test('is cut at exactly so many characters, and says so', () => {
    const { textCharsMax } = searchLimits;
    const at = (length: number) => read({ type: 'user.message', content: 'x'.repeat(length) });
    expect(at(textCharsMax)).toMatchObject({ isCut: false });
    expect(at(textCharsMax + 1)).toMatchObject({ isCut: true });
    expect(at(textCharsMax + 1).texts[0]).toHaveLength(textCharsMax);
  });

  test('is cut where it is nested too deeply', () => {
    let nested: unknown = 'deep';
    for (let depth = 0; depth < 40; depth += 1) nested = [nested];
    expect(read({ type: 'x', nested })).toMatchObject({ texts: [], isCut: true });
  });

  test('of what is no JSON is nothing, and says so', () => {
    expect(textsOf({ body: '{' })).toMatchObject({ texts: [], hasBlob: true });
  });
});

describe('facets', () => {
  test.each<[unknown, Record<string, unknown>]>([
    [
      { type: 'agent.tool_use', name: 'Bash' },
      { type: 'agent.tool_use', tool: 'bash', isError: false },
    ],
    [
      { type: 'agent.tool_result', is_error: true },
      { isError: true, tool: '' },
    ],
    [{ type: 'session.error', error: { message: 'x' } }, { isError: true }],
    [
      { type: 'log', level: 'WARN', status: 'Failed' },
      { level: 'warn', status: 'failed', isError: false },
    ],
    [
      { type: 'log', severity: 'error' },
      { level: 'error', isError: true },
    ],
    [{ type: 'session.status_idle', stop_reason: { type: 'refusal' } }, { status: 'refusal' }],
    [
      { type: 'step', tool_name: 'grep', error: null },
      { tool: 'grep', isError: false },
    ],
    ['text', { type: '', isError: false }],
  ])('%j', (event, expected) => {
    expect(read(event).facets).toMatchObject(expected);
  });

  test('a result has the tool that its caller knows it by, unless it names one', () => {
    const body = JSON.stringify({ type: 'agent.tool_result' });
    expect(textsOf({ body, tool: 'Bash' }).facets.tool).toBe('bash');
    const named = JSON.stringify({ type: 'agent.tool_result', tool_name: 'grep' });
    expect(textsOf({ body: named, tool: 'Bash' }).facets.tool).toBe('grep');
  });
});
