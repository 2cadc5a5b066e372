// How results look: on a terminal and in a pipe the same words, colours on a terminal only.

import { eventText, wordOf } from '@tidemark/mcp';
import type { Json } from '@tidemark/sessions-client';
import type { Call } from './command.ts';
import type { Output } from './environment.ts';

export const line = (out: Output, text: string): Promise<void> => out.write(`${text}\n`);

export const jsonLine = (out: Output, value: unknown): Promise<void> =>
  line(out, JSON.stringify(value));

/** One result: as JSON where that is asked for, in words otherwise. */
export const tell = (
  { environment: { out }, isJson }: Call,
  value: unknown,
  words: string,
): Promise<void> => (isJson ? jsonLine(out, value) : line(out, words));

type Colour = 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

const codes: Readonly<Record<Colour, number>> = {
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
};

export const coloured = ({ isTerminal }: Output, colour: Colour, text: string): string =>
  isTerminal ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;

/** Columns as wide as their widest cell; the last one is not filled up. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  const pad = (cell: string, at: number, row: readonly string[]): string =>
    at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

export const colourOf = (type: string, isError: boolean): Colour => {
  if (isError || type.endsWith('error')) return 'red';
  if (type.startsWith('user.')) return 'green';
  if (type === 'agent.message') return 'cyan';
  if (type.startsWith('agent.')) return 'magenta';
  return 'dim';
};

const charsMax = 400;

export interface EventLook {
  /** Words are cut without it. */
  readonly isFull: boolean;
  readonly prefix?: string;
}

export function eventLine(out: Output, event: Json, { isFull, prefix = '' }: EventLook): string {
  const type = String(event['type']);
  const words = eventText(event);
  const isCut = !isFull && words.length > charsMax;
  const text = isCut ? `${words.slice(0, charsMax)} … (${words.length} characters)` : words;
  const time = wordOf(event['processed_at']).slice(0, 19);
  const head = coloured(out, colourOf(type, event['is_error'] === true), type);
  const indented = text.includes('\n') ? `\n    ${text.replaceAll('\n', '\n    ')}` : ` ${text}`;
  return `${prefix}${coloured(out, 'dim', time)} ${head}${text === '' ? '' : indented}`;
}
