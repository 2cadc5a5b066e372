// Messages of the AI SDK's chats, as events. A tool's part is the call and, once there is one, its result.

import type { Draft } from './agent-event.ts';
import { fileBlock } from './file-block.ts';
import { isJson, type Json, listOf, objectOf, textBlock, textOf } from './json-fields.ts';
import { recordType } from './names.ts';
import { partId } from './native.ts';

/** `id` is that of the message's first event. */
export function uiMessageDrafts(message: Json, id: string): readonly Draft[] {
  const { role } = message;
  const parts = listOf(message['parts']).filter(isJson);
  const drafts = role === 'assistant' ? agentDrafts(parts, id) : saidDrafts(parts, role);
  return drafts.length === 0 ? [{ type: recordType('message') }] : drafts;
}

function saidDrafts(parts: readonly Json[], role: unknown): readonly Draft[] {
  const content = parts.flatMap(blocksOf);
  const type = role === 'user' ? 'user.message' : 'system.message';
  return content.length === 0 ? [] : [{ type, content }];
}

function blocksOf({ type, text, url, mediaType, filename }: Json): readonly Json[] {
  const words = textOf(text);
  if (type === 'text' && words !== undefined) return [textBlock(words)];
  return type === 'file' ? [fileBlock({ url, media: mediaType, name: filename })] : [];
}

function agentDrafts(parts: readonly Json[], id: string): readonly Draft[] {
  const drafts: Draft[] = [];
  for (const part of parts) {
    const tool = toolOf(part);
    if (tool !== undefined) {
      drafts.push(...toolDrafts(part, { tool, use: partId(id, drafts.length) }));
      continue;
    }
    const thinking = part['type'] === 'reasoning' ? textOf(part['text']) : undefined;
    if (thinking !== undefined) {
      drafts.push({ type: 'agent.thinking', content: [{ type: 'thinking', thinking }] });
    }
    const content = blocksOf(part);
    if (content.length > 0) drafts.push({ type: 'agent.message', content });
  }
  return drafts;
}

/** A tool of its own type is named by it. */
function toolOf({ type, toolName }: Json): string | undefined {
  if (type === 'dynamic-tool') return textOf(toolName) ?? 'tool';
  const [, name] = /^tool-(.+)$/s.exec(textOf(type) ?? '') ?? [];
  return name;
}

interface Called {
  readonly tool: string;
  /** Of the event that calls it. */
  readonly use: string;
}

function toolDrafts(part: Json, { tool, use }: Called): readonly Draft[] {
  const { state, input, output, errorText } = part;
  const call = { type: 'agent.tool_use', name: tool, input: objectOf(input) };
  const isError = state === 'output-error' || state === 'output-denied';
  if (state !== 'output-available' && !isError) return [call];
  const words = isError ? textOf(errorText) : wordsOf(output);
  const content = words === undefined ? [] : [textBlock(words)];
  const result = { type: 'agent.tool_result', tool_use_id: use, tool_name: tool };
  return [call, { ...result, is_error: isError, content }];
}

function wordsOf(output: unknown): string | undefined {
  if (output === undefined || output === null) return undefined;
  return typeof output === 'string' ? textOf(output) : JSON.stringify(output);
}
