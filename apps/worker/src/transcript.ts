// What a session has said, as the Messages API takes it.

import type { ToldTurnEvent } from '@tidemark/client/worker';

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'tool_result';
      readonly tool_use_id: string;
      readonly content: string;
      readonly is_error: boolean;
    };

export interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: readonly Block[];
}

type Part = Pick<Message, 'role'> & { readonly block: Block };

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

function partOf({ type, body }: ToldTurnEvent): Part | undefined {
  switch (type) {
    case 'user.message':
    case 'agent.message': {
      const text = textIn(body['text']);
      if (text.trim() === '') return undefined;
      const role = type === 'user.message' ? 'user' : 'assistant';
      return { role, block: { type: 'text', text } };
    }
    case 'tool.call': {
      const input = (body['args'] ?? {}) as Readonly<Record<string, unknown>>;
      const [id, name] = [textIn(body['call_id']), textIn(body['tool'])];
      return { role: 'assistant', block: { type: 'tool_use', id, name, input } };
    }
    case 'tool.result': {
      const content = textIn(body['text']);
      const is_error = body['is_error'] === true;
      const tool_use_id = textIn(body['call_id']);
      return { role: 'user', block: { type: 'tool_result', tool_use_id, content, is_error } };
    }
    default:
      return undefined;
  }
}

/** Inputs behind the turn's are the next one's. */
export function transcriptOf(events: readonly ToldTurnEvent[], inputToSeq: number): Message[] {
  const messages: { role: Message['role']; content: Block[] }[] = [];
  for (const event of events) {
    const isLater = event.type === 'user.message' && event.seq > inputToSeq;
    const part = isLater ? undefined : partOf(event);
    if (part === undefined) continue;
    const last = messages.at(-1);
    if (last?.role === part.role) last.content.push(part.block);
    else messages.push({ role: part.role, content: [part.block] });
  }
  // A result stands before whatever was said meanwhile: so it is asked for.
  const isResult = ({ type }: Block): boolean => type === 'tool_result';
  return messages.map(({ role, content }) => ({
    role,
    content: [...content.filter(isResult), ...content.filter((block) => !isResult(block))],
  }));
}
