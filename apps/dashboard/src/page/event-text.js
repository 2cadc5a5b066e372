// What an event says, as text: of content in whatever shape, of a tool's input, of a whole event.

/** @typedef {Record<string, any>} Fields */

/**
 * @param {unknown} value
 * @returns {value is Fields}
 */
export const isFields = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * @param {unknown} block
 * @returns {string}
 */
function blockText(block) {
  if (typeof block === 'string') return block;
  if (!isFields(block)) return JSON.stringify(block) ?? '';
  if (typeof block['text'] === 'string') return block['text'];
  if (typeof block['thinking'] === 'string') return block['thinking'];
  if (block['type'] === 'image' || block['type'] === 'document') {
    const kind = isFields(block['source']) ? block['source']['media_type'] : undefined;
    return `[${block['type']}${typeof kind === 'string' ? `, ${kind}` : ''}]`;
  }
  return JSON.stringify(block, undefined, 2);
}

/**
 * Of content as clients send it: a text, a block, or a list of blocks.
 * @param {unknown} content
 * @returns {string}
 */
export function contentText(content) {
  if (content === undefined || content === null) return '';
  if (Array.isArray(content)) return content.map(blockText).join('\n');
  return blockText(content);
}

/** What says most of a tool's input, in the words of most tools. */
const telling = [
  'command',
  'file_path',
  'path',
  'pattern',
  'query',
  'url',
  'description',
  'prompt',
  'question',
];

/**
 * In one line.
 * @param {unknown} input
 * @returns {string}
 */
export function inputSummary(input) {
  if (typeof input === 'string') return oneLine(input);
  if (!isFields(input)) return input === undefined ? '' : oneLine(JSON.stringify(input));
  for (const name of telling) {
    if (typeof input[name] === 'string' && input[name] !== '') return oneLine(input[name]);
  }
  return Object.keys(input).length === 0 ? '' : oneLine(JSON.stringify(input));
}

/** @param {string} text */
const oneLine = (text) => {
  const start = text.slice(0, 400).replace(/\s+/g, ' ').trim();
  return start.length > 180 || text.length > 400 ? `${start.slice(0, 180)}…` : start;
};

/**
 * The edits that a tool's input asks for, of the shapes that editors have; none where it is no edit.
 * @param {unknown} input
 * @returns {readonly { readonly before: string, readonly after: string }[]}
 */
export function editsIn(input) {
  if (!isFields(input)) return [];
  const list = Array.isArray(input['edits']) ? input['edits'] : [input];
  return list.flatMap((edit) => {
    if (!isFields(edit)) return [];
    const before = edit['old_string'] ?? edit['old_str'];
    const after = edit['new_string'] ?? edit['new_str'];
    return typeof before === 'string' && typeof after === 'string' ? [{ before, after }] : [];
  });
}

/**
 * An event in Markdown, for a note or a ticket.
 * @param {Fields} event
 * @returns {string}
 */
export function eventMarkdown(event) {
  const head = `**${event['type']}** ${event['processed_at'] ?? ''}`.trim();
  if (event['content'] !== undefined) return `${head}\n\n${contentText(event['content'])}\n`;
  const { id: _id, type: _type, processed_at: _at, ...rest } = event;
  return `${head}\n\n${fenced(JSON.stringify(rest, undefined, 2))}\n`;
}

/**
 * In a fence that is longer than any within.
 * @param {string} text
 */
function fenced(text) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}json\n${text}\n${fence}`;
}

/**
 * A text and the code that stands in it, fenced; nothing else of it is taken for markup.
 * @param {string} text
 * @returns {readonly { readonly kind: 'text' | 'code', readonly text: string }[]}
 */
export function passagesOf(text) {
  /** @type {{ kind: 'text' | 'code', text: string }[]} */
  const passages = [];
  let at = 0;
  for (const match of text.matchAll(/^```[^\n`]*\n([\s\S]*?)^```[ \t]*$/gm)) {
    const before = text.slice(at, match.index).replace(/^\n+|\n+$/g, '');
    if (before !== '') passages.push({ kind: 'text', text: before });
    passages.push({ kind: 'code', text: (match[1] ?? '').replace(/\n$/, '') });
    at = match.index + match[0].length;
  }
  const rest = text.slice(at).replace(/^\n+|\n+$/g, '');
  if (rest !== '' || passages.length === 0) passages.push({ kind: 'text', text: rest });
  return passages;
}
