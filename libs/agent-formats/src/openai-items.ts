// Items of the OpenAI Agents SDK's histories, as events.

import type { Draft } from './agent-event.ts';
import { isJson, type Json, listOf, objectOf, textBlock, textOf } from './json-fields.ts';
import { recordType } from './names.ts';

export function openaiDrafts(item: Json): readonly Draft[] {
  const { type = 'message', role } = item;
  switch (type) {
    case 'message':
      return [messageDraft(item, role)];
    case 'function_call':
      return [
        {
          type: 'agent.tool_use',
          name: textOf(item['name']) ?? 'function',
          input: argumentsOf(item['arguments']),
          call_id: item['callId'] ?? null,
        },
      ];
    case 'function_call_result': {
      const content = blocksOf(item['output']);
      return [{ type: 'agent.tool_result', tool_use_id: textOf(item['callId']) ?? '', content }];
    }
    case 'reasoning': {
      const parts = [...listOf(item['content']), ...listOf(item['rawContent'])];
      const texts = parts.flatMap((part) => textOf(objectOf(part)['text']) ?? []);
      return [
        {
          type: 'agent.thinking',
          content: texts.map((thinking) => ({ type: 'thinking', thinking })),
        },
      ];
    }
    default:
      return [{ type: recordType(type) }];
  }
}

const said: ReadonlyMap<unknown, string> = new Map([
  ['user', 'user.message'],
  ['assistant', 'agent.message'],
  ['system', 'system.message'],
]);

function messageDraft(item: Json, role: unknown): Draft {
  const content = blocksOf(item['content']);
  const type = said.get(role);
  return type === undefined || content.length === 0
    ? { type: recordType('message') }
    : { type, content };
}

function blocksOf(content: unknown): readonly Json[] {
  if (typeof content === 'string') return content === '' ? [] : [textBlock(content)];
  const parts = Array.isArray(content) ? content : [content];
  return parts.flatMap((part): readonly Json[] => {
    if (!isJson(part)) return [];
    const text = textOf(part['text']) ?? textOf(part['refusal']);
    return [text === undefined ? { type: textOf(part['type']) ?? 'part' } : textBlock(text)];
  });
}

function argumentsOf(text: unknown): Json {
  try {
    const value = JSON.parse(String(text)) as unknown;
    return isJson(value) ? value : { arguments: text };
  } catch {
    return { arguments: text ?? null };
  }
}
