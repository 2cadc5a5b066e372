import type { AgentEvent, Draft } from './agent-event.ts';
import { isJson, type Json, listOf, objectOf } from './json-fields.ts';
import type { Hole, Path } from './native-part.ts';

/** A shorter text is stored twice: its hole would be as long. */
const holeCharsMin = 48;

interface Found {
  readonly part: number;
  readonly path: Path;
}

export interface Packing {
  readonly format: string;
  readonly record: unknown;
  /** Of the first event; the others' follow from it. */
  readonly id: string;
  readonly processedAt: string | undefined;
}

export const partId = (id: string, part: number): string => (part === 0 ? id : `${id}:${part}`);

/** The events of one record, ready to be sent. */
export function packed(
  drafts: readonly Draft[],
  { format, record, id, processedAt }: Packing,
): AgentEvent[] {
  if (JSON.stringify(record).length > recordCharsMax) {
    return packedApart({ format, record, id, processedAt });
  }
  const places = new Map<unknown, Found>();
  for (const [part, draft] of drafts.entries()) remember(draft, { part, path: [] }, places);
  const holes: Hole[] = [];
  const rest = emptied(record, [], { places, holes });
  return drafts.map((draft, part) => ({
    id: partId(id, part),
    ...(processedAt === undefined ? {} : { processed_at: processedAt }),
    ...draft,
    native: part === 0 ? { format, record: rest, holes, parts: drafts.length } : { of: id, part },
  }));
}

/** More than this, and the server takes it in no one event. */
const recordCharsMax = 2 * 1024 * 1024;
const pieceChars = 1024 * 1024;

/** A record that is too large for an event, as its text in pieces. */
function packedApart({ format, record, id, processedAt }: Packing): AgentEvent[] {
  const text = JSON.stringify(record);
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    // A pair of surrogates is not cut in two: neither half could be sent.
    const end = at + pieceChars;
    const isPair = /[\ud800-\udbff]/.test(text[end - 1] ?? '');
    pieces.push(text.slice(at, isPair ? end + 1 : end));
    at = isPair ? end + 1 : end;
  }
  return pieces.map((piece, part) => ({
    id: partId(id, part),
    ...(processedAt === undefined ? {} : { processed_at: processedAt }),
    type: 'system.record.large',
    native:
      part === 0
        ? { format, record: null, holes: [], parts: pieces.length, piece }
        : { of: id, part, piece },
  }));
}

function remember(value: unknown, { part, path }: Found, places: Map<unknown, Found>): void {
  const isLong = typeof value === 'string' && value.length >= holeCharsMin;
  const isNested = typeof value === 'object' && value !== null;
  if (!isLong && !isNested) return;
  if (!places.has(value) && path.length > 0) places.set(value, { part, path });
  if (!isNested) return;
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, child] of entries) remember(child, { part, path: [...path, key] }, places);
}

interface Emptying {
  readonly places: ReadonlyMap<unknown, Found>;
  readonly holes: Hole[];
}

function emptied(value: unknown, path: Path, emptying: Emptying): unknown {
  const found = emptying.places.get(value);
  if (found !== undefined) {
    emptying.holes.push([path, found.part, found.path]);
    return null;
  }
  if (Array.isArray(value)) {
    return value.map((child, index) => emptied(child, [...path, index], emptying));
  }
  if (!isJson(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, emptied(child, [...path, key], emptying)]),
  );
}

const valueAt = (event: unknown, path: Path): unknown =>
  path.reduce((value: unknown, key) => (value as Json | undefined)?.[key as string], event);

function filled(value: unknown, holes: readonly Hole[], events: readonly unknown[]): unknown {
  const [whole] = holes;
  if (whole === undefined) return value;
  const [path, part, place] = whole;
  if (path.length === 0) return valueAt(events[part], place);
  const below = Map.groupBy(holes, ([[first]]) => first as string | number);
  const fill = (child: unknown, key: string | number): unknown => {
    const inside = below.get(key)?.map(([[, ...rest], at, from]): Hole => [rest, at, from]);
    return inside === undefined ? child : filled(child, inside, events);
  };
  if (Array.isArray(value)) return value.map(fill);
  return Object.fromEntries(
    Object.entries(value as Json).map(([key, child]) => [key, fill(child, key)]),
  );
}

const mirrored: ReadonlySet<unknown> = new Set(['agent.tool_use', 'agent.custom_tool_use']);

/** A thread's call is told in its session as well: its record is the thread's. A copy has both as records. */
const isMirrored = ({ type, session_thread_id: thread }: Json, { format }: Json): boolean =>
  thread !== undefined && mirrored.has(type) && format !== 'anthropic';

export interface RestoredRecord {
  readonly format: string;
  readonly record: unknown;
}

/** The records of a session's events, in their order; an event of nobody's making is none. */
export class RecordRestorer {
  readonly #open = new Map<string, { readonly first: Json; readonly parts: Map<number, Json> }>();

  /** The record that is complete with this event. */
  take(event: Json): RestoredRecord | undefined {
    const { native } = event;
    if (!isJson(native) || isMirrored(event, native)) return undefined;
    if (typeof native['of'] === 'string') {
      const open = this.#open.get(native['of']);
      open?.parts.set(Number(native['part']), event);
      return this.#complete(native['of']);
    }
    if (typeof native['format'] !== 'string') return undefined;
    const id = String(event['id']);
    this.#open.set(id, { first: event, parts: new Map([[0, event]]) });
    return this.#complete(id);
  }

  #complete(id: string): RestoredRecord | undefined {
    const open = this.#open.get(id);
    const native = open?.first['native'] as Json | undefined;
    if (open === undefined || native === undefined) return undefined;
    const count = Number(native['parts'] ?? 1);
    if (open.parts.size < count) return undefined;
    this.#open.delete(id);
    const events = Array.from({ length: count }, (_, part) => open.parts.get(part));
    if (typeof native['piece'] === 'string') {
      const text = events.map((event) => String(objectOf(event?.['native'])['piece'])).join('');
      return { format: String(native['format']), record: JSON.parse(text) as unknown };
    }
    const record = filled(native['record'], listOf(native['holes']) as Hole[], events);
    return { format: String(native['format']), record };
  }
}
