// Events as they are sent: one, a list, or `{events: [...]}`. Whatever type they have, they are kept as
// they came; of those that the API knows it is checked that they say what others rely on.
//
// `id` and `processed_at` are the server's to give. A client that has its own, an importer say, keeps
// them; they are moved to the front, so that every stored event begins alike.

import {
  hasControlBytes,
  type JsonMember,
  jsonContentType,
  jsonMembers,
  jsonMessages,
  limits,
  Problem,
  parseTimestamp,
} from '@tidemark/protocol';
import {
  type AppendCommand,
  type EventStamp,
  type GivenEvents,
  isNoted,
  isServerEventId,
  noteOf,
} from '@tidemark/session';
import { Arena, assert, bytesOf, concatBytes, textOf } from '@tidemark/std';
import { checkKnown, isChecked } from './event-shapes.ts';
import { type Fields, malformed, scanned } from './fields.ts';
import { isMadeName } from './ids.ts';

export interface SentEvents extends Required<Omit<GivenEvents, 'joined'>> {
  readonly stamps: readonly EventStamp[];
  readonly types: readonly string[];
  /** Threads that begin with one of these. */
  readonly threads: readonly string[];
  /** Told to those who follow now, and not stored. */
  readonly previews: readonly Uint8Array[];
  /** Which of what was sent is stored, in order; the others are previews. */
  readonly isStored: readonly boolean[];
}

/** A preview is a frame of a stream, not an event. */
const previewTypes: ReadonlySet<string> = new Set(['event_start', 'event_delta']);

const tooMany = (): Problem =>
  new Problem('too-large', `at most ${limits.appendEventsMax} events at once`, {
    facts: { limit: 'appendEventsMax', limitBytes: limits.appendEventsMax },
  });

export const parseSent = (body: Uint8Array): SentEvents => scanned(() => sentOf(eventsIn(body)));

/** What appends them to a session, which is made unless its name is one that the server gives. */
export const appendOf = (
  { events, stamps, types, notes, eventIds }: SentEvents,
  name: string,
): AppendCommand => ({
  kind: 'append',
  contentType: jsonContentType,
  events,
  stamps,
  types,
  notes,
  eventIds,
  close: false,
  creates: !isMadeName(name),
});

/** Of a member of an object, which is known to be a list of some: as they came, whatever numbers they have. */
export function parseListed(body: Uint8Array, name: string): SentEvents {
  const list = scanned(() => jsonMembers(body))?.findLast((member) => member.name === name);
  assert(list !== undefined, 'an object that was parsed has its members');
  return parseSent(body.subarray(list.valueStart, list.end));
}

function eventsIn(body: Uint8Array): readonly Uint8Array[] {
  const members = body.length === 0 ? [] : jsonMembers(body);
  const list = members?.find(({ name }) => name === 'events');
  const isWrapped = list !== undefined && members?.every(({ name }) => name !== 'type');
  const text = isWrapped ? body.subarray(list.valueStart, list.end) : body;
  if (isWrapped && text[0] !== 0x5b) throw malformed('events is a list');
  const messages = jsonMessages(text, limits.appendEventsMax);
  if (messages === undefined) throw tooMany();
  if (messages.bodies.length === 0) throw malformed('send one event at least');
  return messages.bodies;
}

function sentOf(bodies: readonly Uint8Array[]): SentEvents {
  const [events, stamps, types] = [[] as Uint8Array[], [] as EventStamp[], [] as string[]];
  const eventIds: (string | undefined)[] = [];
  const notes: (string | undefined)[] = [];
  const previews: Uint8Array[] = [];
  const threads: string[] = [];
  const isStored: boolean[] = [];
  for (const [index, body] of bodies.entries()) {
    const event = parseOne(body, `events[${index}]`);
    const isPreview = previewTypes.has(event.type);
    isStored.push(!isPreview);
    if (isPreview) {
      previews.push(body);
      continue;
    }
    events.push(event.rest);
    stamps.push(event.stamp);
    types.push(event.type);
    notes.push(event.note);
    eventIds.push(event.stamp.id);
    if (event.thread !== undefined) threads.push(event.thread);
  }
  const named = eventIds.filter((id) => id !== undefined);
  if (new Set(named).size !== named.length) throw malformed('two events have one id');
  return { events, stamps, types, notes, eventIds, threads, previews, isStored };
}

interface OneEvent {
  readonly type: string;
  readonly stamp: EventStamp;
  readonly rest: Uint8Array;
  readonly note: string | undefined;
  readonly thread: string | undefined;
}

function parseOne(body: Uint8Array, place: string): OneEvent {
  const members = jsonMembers(body);
  if (members === undefined) throw malformed(`${place} is an object`);
  const valueOf = (name: string): unknown => {
    const member = members.findLast((each) => each.name === name);
    return member && JSON.parse(textOf(body.subarray(member.valueStart, member.end)));
  };
  const type = valueOf('type');
  const isType = typeof type === 'string' && /^[\x21-\x7e]{1,128}$/.test(type);
  if (!isType)
    throw malformed(`${place}.type is 1 to ${limits.eventTypeBytesMax} ASCII characters`);
  const event = isChecked(type) || isNoted(type) ? parsed(type, body, place) : undefined;
  const thread = event?.['session_thread_id'];
  const isBegun = type === 'session.thread_created' && typeof thread === 'string';
  const stamp = {
    id: idIn(valueOf('id'), place),
    processedAt: timeIn(valueOf('processed_at'), place),
    namesOutcome:
      type === 'user.define_outcome' && members.every(({ name }) => name !== 'outcome_id'),
  };
  return {
    type,
    stamp,
    rest: restOf(body, members),
    note: event && noteOf(type, event),
    thread: isBegun ? thread : undefined,
  };
}

/** An event that the API knows, checked. */
function parsed(type: string, body: Uint8Array, place: string): Fields {
  const event = JSON.parse(textOf(body)) as Fields;
  checkKnown(type, event, place);
  return event;
}

function idIn(id: unknown, place: string): string | undefined {
  if (id === undefined || id === null) return undefined;
  const isFit =
    typeof id === 'string' &&
    id !== '' &&
    id.length <= limits.tokenBytesMax &&
    id.isWellFormed() &&
    !hasControlBytes(id);
  if (!isFit) throw malformed(`${place}.id is 1 to ${limits.tokenBytesMax} printable characters`);
  if (isServerEventId(id)) throw malformed(`${place}.id looks like one of the server’s own`);
  return id;
}

function timeIn(time: unknown, place: string): string | undefined {
  if (time === undefined || time === null) return undefined;
  if (typeof time === 'string' && parseTimestamp(time) !== undefined) return time;
  throw malformed(`${place}.processed_at is an RFC 3339 time`);
}

const isHead = ({ name }: JsonMember): boolean => name === 'id' || name === 'processed_at';
const [comma, close] = [bytesOf(','), bytesOf('}')];

/** They wait for their head. */
const rests = new Arena();

/** What follows the head: a comma and the other members, as they came. */
function restOf(body: Uint8Array, members: readonly JsonMember[]): Uint8Array {
  if (!members.some(isHead)) {
    const start = members[0]?.start ?? 0;
    const rest = rests.take(body.length - start + 1);
    rest.set(comma);
    rest.set(body.subarray(start), 1);
    return rest;
  }
  const others = members.filter((member) => !isHead(member));
  const parts = others.flatMap(({ start, end }) => [comma, body.subarray(start, end)]);
  return concatBytes([...parts, close]);
}
