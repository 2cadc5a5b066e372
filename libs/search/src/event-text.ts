// What of an event is text, and what it can be filtered by. Stored, as the analysis is: a change is a new
// `analysisVersion`.
//
// Events of the Sessions API have known fields. Of any other JSON every string is text, unless its key says that
// it is an identifier, a time or an encoding.

import { searchLimits } from './search-limits.ts';

export interface Facets {
  readonly type: string;
  readonly level: string;
  readonly tool: string;
  readonly status: string;
  readonly isError: boolean;
}

export interface EventText {
  readonly facets: Facets;
  /** Strings in the order in which they stand in the event: a phrase lies in one of them. */
  readonly texts: readonly string[];
  /** The last of them, or more, is not all there. */
  readonly isCut: boolean;
  /** Something was left out because it is no text: an image, a file, base64. */
  readonly hasBlob: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const knownTypes = /^(user|agent|session|system|span|workflow_run)\./;

/** Fields of the Sessions API's events and content blocks that hold text, or what holds text. */
const textFields: ReadonlySet<string> = new Set(
  (
    'text content thinking message name title description explanation context error deny_message source ' +
    'rubric stop_details phases result agent_name to_agent_name from_agent_name mcp_server_name category url'
  ).split(' '),
);

/** Whatever is below them is a tool's own: every string is text. */
const openFields: ReadonlySet<string> = new Set(['input', 'output', 'arguments', 'metadata']);

/** Keys whose strings nobody searches for by words. */
const hiddenKey =
  /^(id|ids|uuid|type|signature|encrypted_content|processed_at|timestamp|time|date|media_type|mime_type|cache_control|role)$|_ids?$|[a-z]Ids?$|_at$|[a-z]At$/;

const isBlobSource = ({ type, data }: Json): boolean =>
  typeof data === 'string' && type !== 'text' && type !== 'content';

/** Of the event as it was parsed. */
export function readEvent(event: unknown): EventText {
  const reader = new TextReader();
  const facets = facetsOf(event);
  if (isObject(event))
    reader.readFields(event, { isOpen: !knownTypes.test(facets.type), depth: 0 });
  else reader.read(event, { isOpen: true, depth: 0 });
  const { texts, isCut, hasBlob } = reader;
  return { facets, texts, isCut, hasBlob };
}

interface Place {
  readonly isOpen: boolean;
  readonly depth: number;
}

class TextReader {
  readonly texts: string[] = [];
  isCut = false;
  hasBlob = false;
  #left: number = searchLimits.textCharsMax;

  read(value: unknown, place: Place): void {
    // Nothing more is taken, and it is known that there is more.
    if (this.#left === 0 && this.isCut) return;
    if (typeof value === 'string') this.#take(value);
    else if (typeof value !== 'object' || value === null) return;
    else if (place.depth >= searchLimits.depthMax) this.isCut = true;
    else if (Array.isArray(value)) {
      for (const item of value) this.read(item, { ...place, depth: place.depth + 1 });
    } else this.readFields(value as Json, { ...place, depth: place.depth + 1 });
  }

  readFields(object: Json, { isOpen, depth }: Place): void {
    if (isBlobSource(object)) {
      this.hasBlob = true;
      return;
    }
    for (const key of Object.keys(object)) {
      const opens = isOpen || openFields.has(key);
      if (opens ? !hiddenKey.test(key) : textFields.has(key) || isText(key, object)) {
        this.read(object[key], { isOpen: opens, depth });
      }
    }
  }

  #take(text: string): void {
    if (text === '') return;
    if (text.length > this.#left) {
      this.isCut = true;
      if (this.#left === 0) return;
    }
    const taken = text.length > this.#left ? text.slice(0, this.#left) : text;
    this.#left -= taken.length;
    this.texts.push(taken);
  }
}

/** A document's plain text stands where another's base64 does. */
const isText = (key: string, { type }: Json): boolean => key === 'data' && type === 'text';

const textAt = (object: Json, key: string): string | undefined => {
  const value = object[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const shortened = (text: string): string =>
  text.slice(0, searchLimits.facetCharsMax).toLowerCase().toWellFormed();

const noFacets: Facets = { type: '', level: '', tool: '', status: '', isError: false };

function facetsOf(event: unknown): Facets {
  if (!isObject(event)) return noFacets;
  const type = textAt(event, 'type') ?? '';
  const level = textAt(event, 'level') ?? textAt(event, 'severity') ?? '';
  const status = textAt(event, 'status') ?? reasonOf(event['stop_reason']) ?? '';
  return {
    type: shortened(type),
    level: shortened(level),
    tool: shortened(toolOf(event, type)),
    status: shortened(status),
    isError: isErrorEvent(event, { type, level }),
  };
}

const reasonOf = (reason: unknown): string | undefined =>
  isObject(reason) ? textAt(reason, 'type') : typeof reason === 'string' ? reason : undefined;

function toolOf(event: Json, type: string): string {
  const named = textAt(event, 'tool_name') ?? textAt(event, 'toolName') ?? textAt(event, 'tool');
  return named ?? (/tool/.test(type) ? textAt(event, 'name') : undefined) ?? '';
}

function isErrorEvent(
  event: Json,
  { type, level }: { readonly type: string; readonly level: string },
): boolean {
  if (event['is_error'] === true || event['isError'] === true) return true;
  if (/(^|[._])error$/.test(type) || /^(error|fatal|critical)$/i.test(level)) return true;
  const { error } = event;
  return error !== undefined && error !== null && error !== false && error !== '';
}
