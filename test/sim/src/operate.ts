// One request to one process, below HTTP, and what its client may know of the answer.

import type { Call, Return } from '@tidemark/checker';
import { isFault } from '@tidemark/ports';
import { hasCode, isProblem, limits, type Problem, parseCursor } from '@tidemark/protocol';
import { presentStream } from '@tidemark/read/present-stream';
import { StreamView } from '@tidemark/read/stream-view';
import { type BegunRange, beginRead, type Located, wholeRange } from '@tidemark/replica';
import type { Appended, Created } from '@tidemark/replica/write';
import { type AppendCommand, cursorAt } from '@tidemark/session';
import { concatBytes } from '@tidemark/std';
import type { Bodies } from './bodies.ts';
import type { Incarnation } from './incarnation.ts';
import type { Named } from './names.ts';

export type Answer = Omit<Return, 'at' | 'kind' | 'op'>;

/** A position that a client holds. */
export interface Held {
  readonly cursor: string;
  readonly seq: number;
}

export interface Answered {
  readonly answer: Answer;
  readonly held?: Held;
  readonly problem?: Problem;
}

export function locate(process: Incarnation, named: Named): Located | undefined {
  const tenant = process.tenants.find(({ id }) => id === named.tenant);
  return tenant === undefined ? undefined : process.shards.locate(tenant, named.name);
}

/** The life that a cursor tells, where its position is not inherited. */
function lifeOf(process: Incarnation, named: Named, cursor: string): string | undefined {
  const { tag } = parseCursor(cursor);
  if (named.tier === 0) return tag;
  const { replica, key } = locate(process, named) ?? {};
  const stream = key === undefined ? undefined : replica?.fold.table.resident(key)?.state.stream;
  return stream?.tag === tag ? tag : undefined;
}

const withLife = (life: string | undefined): Pick<Answer, 'life'> =>
  life === undefined ? {} : { life };

const refusedBy = (problem: Problem, named: Named): Answer => {
  const { code } = problem;
  const outcome = problem.kind.effect === 'none' ? 'refused' : 'unknown';
  if (hasCode(problem, 'seq-conflict')) return { outcome, code, tail: problem.facts.tailSeq };
  if (hasCode(problem, 'session-closed') && named.isJson && named.tier === 0) {
    const { position, tag } = parseCursor(problem.facts.nextOffset);
    return { outcome, code, tail: position, closed: true, life: tag };
  }
  return { outcome, code };
};

/** What a client makes of a request that failed. */
export function failed(cause: unknown, named: Named): Answered {
  if (isProblem(cause)) return { answer: refusedBy(cause, named), problem: cause };
  if (isFault(cause)) return { answer: { outcome: 'unknown', code: `fault ${cause.reason}` } };
  throw cause;
}

const located = (process: Incarnation, named: Named): Located => {
  const found = locate(process, named);
  if (found === undefined) throw new Error('a process that is asked has its tenants');
  return found;
};

export async function append(
  process: Incarnation,
  named: Named,
  command: AppendCommand,
): Promise<Answered> {
  const { tenant } = located(process, named);
  const appended = await process.writes.append(tenant, named.name, command);
  return { answer: answerOf(process, named, appended), held: heldBehind(appended) };
}

const heldBehind = ({ nextOffset, endSeq }: Appended): Held => ({
  cursor: nextOffset,
  seq: endSeq,
});

function answerOf(process: Incarnation, named: Named, appended: Appended): Answer {
  const { firstSeq: first, endSeq: end, isDuplicate, isClosed, nextOffset } = appended;
  const life = withLife(lifeOf(process, named, nextOffset));
  if (!isDuplicate) return { outcome: 'ok', isNew: true, first, end, closed: isClosed, ...life };
  const answer = { outcome: 'ok', isNew: false, closed: isClosed, ...life } as const;
  return first === end ? { ...answer, tail: end } : { ...answer, first, end };
}

export type CreateRequest = Parameters<Incarnation['writes']['create']>[2];

export async function create(
  process: Incarnation,
  named: Named,
  request: CreateRequest,
): Promise<Answered> {
  const { tenant } = located(process, named);
  const created = await process.writes.create(tenant, named.name, request);
  return { answer: createdAnswer(named, created, request.events.length) };
}

function createdAnswer(named: Named, created: Created, events: number): Answer {
  const { isNew, isClosed: closed, nextOffset } = created;
  const { position, tag } = parseCursor(nextOffset);
  const answer = { outcome: 'ok', isNew, closed } as const;
  if (named.tier > 0) {
    if (events === 0 || !isNew) return answer;
    const first = named.isJson ? { first: position - events } : {};
    return { ...answer, life: tag, ...first };
  }
  if (isNew) return { ...answer, life: tag, first: 0 };
  return named.isJson ? { ...answer, life: tag, tail: position } : answer;
}

export async function remove(process: Incarnation, named: Named): Promise<Answered> {
  const { tenant } = located(process, named);
  await process.writes.delete(tenant, named.name);
  return { answer: { outcome: 'ok' } };
}

/** As the read role answers HEAD. */
export async function head(process: Incarnation, named: Named): Promise<Answered> {
  const { tenant } = located(process, named);
  const stream = await presentStream(process, tenant, named.name);
  const { tag: life, tailSeq: tail, isClosed: closed } = stream;
  return { answer: { outcome: 'ok', life, tail, closed } };
}

export interface ReadAsked {
  readonly from: Held | 'start' | 'now';
  readonly eventsMax: number;
  readonly bytesMax?: number;
}

export const openView = (
  process: Incarnation,
  named: Named,
  mustBeCurrent: boolean,
): Promise<StreamView> => {
  const { tenant } = located(process, named);
  return StreamView.open(process, tenant, { name: named.name, mustBeCurrent });
};

/** As the read role answers a catch-up read. */
export async function read(
  process: Incarnation,
  named: Named,
  { asked, bodies }: { readonly asked: ReadAsked; readonly bodies: Bodies },
): Promise<Answered> {
  const { from, eventsMax } = asked;
  using view = await openView(process, named, from === 'now');
  const { tag: life } = view.present;
  if (from === 'now') {
    const { tailSeq: tail, isClosed: closed } = view.present;
    return { answer: { outcome: 'ok', life, tail, closed } };
  }
  const offset = from === 'start' ? '-1' : from.cursor;
  const position = await view.positionOf({ kind: 'cursor', offset });
  const bounds = { position, bytesMax: asked.bytesMax ?? limits.readBytesMax, eventsMax };
  const { reader } = process.shards;
  const hot = reader.readHot(view.session, bounds);
  const range = hot === undefined ? await beginRead(reader, view.source, bounds) : wholeRange(hot);
  const stream = view.present;
  const events = bodies.namesIn(await comingOf(range), stream.isJson);
  const upToDate = view.isCurrent && range.endPosition === stream.tailPosition;
  const first = stream.isJson ? position : from === 'start' ? 0 : from.seq;
  return {
    answer: {
      outcome: 'ok',
      life,
      first,
      events,
      upToDate,
      // A read at the end of a byte stream touches no event that could tell its seq.
      ...(events.length > 0 || stream.isJson ? { end: range.endSeq } : {}),
      ...(upToDate ? { closed: stream.isClosed } : {}),
    },
    held: { cursor: cursorAt(stream, range.endPosition), seq: first + events.length },
  };
}

/** What comes is looked at before more of it is asked for: it is not there for longer. */
async function comingOf({ bodies, later }: BegunRange): Promise<readonly Uint8Array[]> {
  const pieces = [concatBytes(bodies)];
  for await (const more of later()) pieces.push(concatBytes(more));
  return pieces;
}

export type CallOf = Omit<Call, 'at' | 'kind' | 'op'>;
