// cursor := position{16 digits} '_' tag{8 hex}
//
// Position first, so that the cursors of one session sort as its positions do. The position is a seq
// in a JSON session and a byte offset in any other. The tag binds the cursor to one incarnation of
// one session; a fork uses its ancestors' tags up to and including the point where it left them.

import { bytesOf, murmur2 } from '@tidemark/std';
import { Problem } from './problems.ts';

export interface Cursor {
  readonly position: number;
  readonly tag: string;
}

/** The beginning of any session. */
export const startCursor = '-1';

/** As other servers write the beginning, and their clients send it. */
const foreignStartCursor = '0000000000000000_0000000000000000';

export const isStart = (text: string): boolean =>
  text === startCursor || text === foreignStartCursor;

const pattern = /^\d{16}_[0-9a-f]{8}$/;

export const cursorText = (position: number, tag: string): string =>
  `${position.toString().padStart(16, '0')}_${tag}`;

export function parseCursor(text: string): Cursor {
  if (!pattern.test(text)) throw new Problem('invalid-offset', 'malformed offset');
  const position = Number(text.slice(0, 16));
  if (!Number.isSafeInteger(position)) throw new Problem('invalid-offset', 'malformed offset');
  return { position, tag: text.slice(17) };
}

export const cursorTag = (tenant: string, session: string, incarnation: string): string =>
  murmur2(bytesOf(`${tenant}\n${session}\n${incarnation}`))
    .toString(16)
    .padStart(8, '0');
