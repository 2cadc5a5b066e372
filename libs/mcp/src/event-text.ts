import type { Json } from '@tidemark/sessions-client';

/** A value in a line of words. */
export const wordOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a block of content says. */
function blockText(block: unknown): string {
  if (typeof block === 'string') return block;
  if (!isObject(block)) return '';
  const { type, text, thinking, content } = block;
  if (typeof text === 'string') return text;
  if (typeof thinking === 'string') return thinking;
  if (content !== undefined) return contentText(content);
  return `[${String(type)}]`;
}

const contentText = (content: unknown): string =>
  Array.isArray(content) ? content.map(blockText).join('\n') : blockText(content);

const restCharsMax = 2_000;

/** The words of an event, without its form. */
export function eventText(event: Json): string {
  const { content, name, input, error, title } = event;
  const isUse = typeof name === 'string' && input !== undefined;
  if (isUse) return `${name} ${JSON.stringify(input)}`;
  if (content !== undefined) return contentText(content);
  if (isObject(error)) return wordOf(error['message']);
  if (typeof title === 'string') return title;
  const { id: _, processed_at: __, native: ___, type: ____, ...rest } = event;
  return Object.keys(rest).length === 0 ? '' : JSON.stringify(rest).slice(0, restCharsMax);
}
