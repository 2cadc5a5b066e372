// What a client may conclude from an answer, and no more.

import type { Exchanged, Headers } from './exchange.ts';
import type { Named } from './names.ts';
import type { Answer } from './recorder.ts';

export interface Place {
  readonly cursor: string;
  readonly seq: number;
}

const header = (headers: Headers, name: string): string | undefined => headers[name]?.toString();

export function numberIn(headers: Headers, name: string): number | undefined {
  const text = header(headers, name);
  return text === undefined ? undefined : Number(text);
}

export const cursorIn = (headers: Headers): string | undefined =>
  header(headers, 'stream-next-offset');

export const isClosed = (headers: Headers): boolean => headers['stream-closed'] === 'true';

/** In a JSON stream the cursor begins with the seq. */
export const seqIn = (cursor: string): number => Number(cursor.slice(0, 16));

/** The end of a cursor, which tells the incarnations of a name apart. */
export const tagIn = (cursor: string): string => cursor.slice(17);

/** A fork has its ancestors' cursors up to where it left them; its name is used once. */
export function lifeOf(named: Named, cursor: string | undefined): { readonly life?: string } {
  if (named.isFork) return { life: 'only' };
  return cursor === undefined ? {} : { life: tagIn(cursor) };
}

/** Undefined where there was an answer. */
export function wireFailure(exchanged: Exchanged): Answer | undefined {
  if (exchanged.kind === 'not-connected') return { outcome: 'refused', code: 'not-connected' };
  if (exchanged.kind === 'lost') return { outcome: 'unknown', code: 'lost' };
  return undefined;
}

/** Undefined where it was taken. */
export function failureOf(named: Named, exchanged: Exchanged): Answer | undefined {
  if (exchanged.kind !== 'answer') return wireFailure(exchanged);
  const { status, headers, body } = exchanged;
  if (status < 400) return undefined;
  if (status === 404) return { outcome: 'refused', code: 'session-not-found' };
  if (status === 410) return { outcome: 'refused', code: 'session-gone' };
  const { code = String(status), effect } = problemIn(body);
  const outcome = effect === 'none' ? 'refused' : 'unknown';
  const tail = numberIn(headers, 'stream-next-seq');
  if (code === 'seq-conflict' && tail !== undefined) return { outcome, code, tail };
  const cursor = cursorIn(headers);
  if (code === 'session-closed' && cursor !== undefined && named.isJson) {
    return { outcome, code, tail: seqIn(cursor), closed: true, ...lifeOf(named, cursor) };
  }
  return { outcome, code };
}

export function problemIn(body: string): { readonly code?: string; readonly effect?: string } {
  try {
    return JSON.parse(body) as { readonly code?: string; readonly effect?: string };
  } catch {
    return {};
  }
}

export interface AppendShape {
  readonly count: number;
  readonly close: boolean;
  readonly hasProducer: boolean;
  /** Sent with a key or ids, for whose repetition the answer is as for the first. */
  readonly hasKey: boolean;
}

export function appendAnswer(
  named: Named,
  { status, headers }: Extract<Exchanged, { kind: 'answer' }>,
  { count, close, hasProducer, hasKey }: AppendShape,
): Answer {
  const first = numberIn(headers, 'stream-first-seq') ?? 0;
  const end = numberIn(headers, 'stream-next-seq') ?? 0;
  const closed = isClosed(headers);
  const answer = { outcome: 'ok', ...lifeOf(named, cursorIn(headers)) } as const;
  // A close alone is answered alike the second time: the stream is closed, and here it ends.
  if (count === 0 && close) return { ...answer, tail: end, closed };
  if (hasKey) return { ...answer, first, end };
  const isRepetition = hasProducer && status === 204;
  if (!isRepetition) return { ...answer, isNew: true, first, end, closed };
  return first === end
    ? { ...answer, isNew: false, tail: end, closed }
    : { ...answer, isNew: false, first, end };
}

export function createAnswer(
  named: Named,
  { status, headers }: Extract<Exchanged, { kind: 'answer' }>,
  count: number,
): Answer {
  const cursor = cursorIn(headers);
  const isNew = status === 201;
  const answer = { outcome: 'ok', isNew, closed: isClosed(headers) } as const;
  if (cursor === undefined) return answer;
  const life = lifeOf(named, cursor);
  if (!isNew) return named.isJson ? { ...answer, ...life, tail: seqIn(cursor) } : answer;
  return { ...answer, ...life, first: named.isFork ? seqIn(cursor) - count : 0 };
}
