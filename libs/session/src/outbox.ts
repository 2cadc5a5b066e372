// Where a session's events are delivered to, and how far that has come.
//
// (1) Of a destination everything below its cursor is settled: it was delivered, nobody wanted it, or it
//     has an entry that waits or is dead.
// (2) One process delivers at a time, under one generation; what an older one says is void. It tells of a
//     delivery behind its answer: whoever takes over delivers again what was not told.
// (3) An entry that waits is never dropped to make room.

import { limits } from '@tidemark/protocol';
import { type Check, isCount, isFlag, isText, listOf, optional, shaped } from './shapes.ts';

export interface SealedSecret {
  readonly sealed: string;
  /** One that was replaced signs beside its successor for a while. */
  readonly endsAtMs?: number | undefined;
}

/** What its owner says of it. */
export interface Destination {
  readonly id: string;
  readonly url: string;
  readonly level: string;
  /** All, where there is no list. */
  readonly types?: readonly string[] | undefined;
  readonly includesRaw: boolean;
  readonly isEnabled: boolean;
  readonly secrets: readonly SealedSecret[];
  /** The tenant's, for all of its sessions: what its owner says of it now stands with the tenant. */
  readonly isShared?: boolean | undefined;
}

export interface DeliveryEntry {
  readonly seq: number;
  readonly eventId: string;
  readonly status: 'waiting' | 'delivered' | 'dead';
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** Where it waits. */
  readonly nextAtMs?: number | undefined;
  /** Of the last answer. */
  readonly code?: number | undefined;
  readonly error?: string | undefined;
}

export interface DestinationState extends Destination {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** It was made when the session's tail was here. */
  readonly afterSeq: number;
  readonly cursorSeq: number;
  /** The newest last. */
  readonly entries: readonly DeliveryEntry[];
}

export interface Outbox {
  readonly destinations: readonly DestinationState[];
  readonly generation: number;
  readonly holder: string | undefined;
}

export const noOutbox: Outbox = { destinations: [], generation: 0, holder: undefined };

export type OutboxFact =
  | {
      readonly type: 'destination-put';
      readonly destination: Destination;
      /** Of a new one: the first event that it gets. */
      readonly afterSeq: number;
    }
  | { readonly type: 'destination-removed'; readonly id: string }
  | { readonly type: 'outbox-claimed'; readonly holder: string; readonly generation: number }
  | {
      readonly type: 'delivery-told';
      readonly destination: string;
      readonly generation: number;
      readonly seq: number;
      readonly eventId: string;
      readonly status: DeliveryEntry['status'];
      readonly code?: number | undefined;
      readonly error?: string | undefined;
      readonly nextAtMs?: number | undefined;
      /** Everything below is settled; undefined where the delivery was one of an entry. */
      readonly cursorSeq?: number | undefined;
    }
  | {
      /** Nobody wanted what lies below. */
      readonly type: 'deliveries-passed';
      readonly destination: string;
      readonly generation: number;
      readonly cursorSeq: number;
    }
  | {
      readonly type: 'redelivery-asked';
      readonly destination: string;
      readonly seq: number;
      readonly eventId: string;
    };

const isShort: Check = (value) => isText(value) && value.length <= limits.tokenBytesMax;
const isUrl: Check = (value) => isText(value) && value.length <= limits.destinationUrlCharsMax;
const isSealed: Check = (value) =>
  isText(value) && value.length <= limits.destinationSecretCharsMax;
const isTypes: Check = (value) =>
  listOf(isShort)(value) && (value as readonly unknown[]).length <= limits.destinationTypesMax;
const isSecrets: Check = (value) =>
  listOf(shaped({ sealed: isSealed, endsAtMs: optional(isCount) }))(value) &&
  (value as readonly unknown[]).length <= 2;
const isStatus: Check = (value) => value === 'waiting' || value === 'delivered' || value === 'dead';

const isDestination = shaped({
  id: isShort,
  url: isUrl,
  level: isShort,
  types: optional(isTypes),
  includesRaw: isFlag,
  isEnabled: isFlag,
  secrets: isSecrets,
  isShared: optional(isFlag),
});

export const outboxShapes: Readonly<Record<OutboxFact['type'], Check>> = {
  'destination-put': shaped({ destination: isDestination, afterSeq: isCount }),
  'destination-removed': shaped({ id: isShort }),
  'outbox-claimed': shaped({ holder: isShort, generation: isCount }),
  'delivery-told': shaped({
    destination: isShort,
    generation: isCount,
    seq: isCount,
    eventId: isShort,
    status: isStatus,
    code: optional(isCount),
    error: optional(isShort),
    nextAtMs: optional(isCount),
    cursorSeq: optional(isCount),
  }),
  'deliveries-passed': shaped({ destination: isShort, generation: isCount, cursorSeq: isCount }),
  'redelivery-asked': shaped({ destination: isShort, seq: isCount, eventId: isShort }),
};

/** What an owner asks for is an act to be accounted for; what a relay tells is none. */
export const isOutboxAct = (type: string): boolean => !relayFacts.has(type);

const relayFacts: ReadonlySet<string> = new Set([
  'outbox-claimed',
  'delivery-told',
  'deliveries-passed',
]);

export const destinationOf = ({ destinations }: Outbox, id: string): DestinationState | undefined =>
  destinations.find((destination) => destination.id === id);

/** Undefined where it cannot be said of this outbox. `tailSeq` is that of the session. */
export function evolveOutbox(
  outbox: Outbox,
  fact: OutboxFact,
  { timeMs, tailSeq }: { readonly timeMs: number; readonly tailSeq: number },
): Outbox | undefined {
  switch (fact.type) {
    case 'destination-put':
      return put(outbox, fact, { timeMs, tailSeq });
    case 'destination-removed':
      return destinationOf(outbox, fact.id) && without(outbox, fact.id);
    case 'outbox-claimed': {
      const { holder, generation } = fact;
      const isNext = generation === outbox.generation + 1 && outbox.destinations.length > 0;
      return isNext ? { ...outbox, holder, generation } : undefined;
    }
    case 'delivery-told':
      return told(outbox, fact, { timeMs, tailSeq });
    case 'deliveries-passed':
      return passed(outbox, fact, tailSeq);
    case 'redelivery-asked':
      return asked(outbox, fact, { timeMs, tailSeq });
  }
}

const without = (outbox: Outbox, id: string): Outbox => ({
  ...outbox,
  destinations: outbox.destinations.filter((destination) => destination.id !== id),
});

const replaced = (outbox: Outbox, next: DestinationState): Outbox => ({
  ...outbox,
  destinations: outbox.destinations.map((each) => (each.id === next.id ? next : each)),
});

interface At {
  readonly timeMs: number;
  readonly tailSeq: number;
}

function put(
  outbox: Outbox,
  { destination, afterSeq }: Extract<OutboxFact, { type: 'destination-put' }>,
  { timeMs, tailSeq }: At,
): Outbox | undefined {
  const known = destinationOf(outbox, destination.id);
  if (known !== undefined) {
    return replaced(outbox, { ...known, types: undefined, ...destination, updatedAtMs: timeMs });
  }
  if (!hasRoomFor(outbox, destination) || afterSeq > tailSeq) return undefined;
  const begun: DestinationState = {
    ...destination,
    createdAtMs: timeMs,
    updatedAtMs: timeMs,
    afterSeq,
    cursorSeq: afterSeq,
    entries: [],
  };
  return { ...outbox, destinations: [...outbox.destinations, begun] };
}

/** Those of the tenant have room of their own. */
function hasRoomFor({ destinations }: Outbox, { isShared = false }: Destination): boolean {
  const alike = destinations.filter((each) => (each.isShared ?? false) === isShared);
  return alike.length < (isShared ? limits.sharedDestinationsMax : limits.destinationsMax);
}

export const isWaiting = ({ status }: DeliveryEntry): boolean => status === 'waiting';

/** Whether one more may wait for its delivery. */
export const hasRoomIn = ({ entries }: DestinationState): boolean =>
  entries.filter(isWaiting).length < limits.deliveriesMax;

/** As many as may be: of those that wait for nothing the oldest go. */
function bounded(entries: readonly DeliveryEntry[]): readonly DeliveryEntry[] | undefined {
  if (entries.length <= limits.deliveriesMax) return entries;
  const oldest = entries.findIndex((entry) => !isWaiting(entry));
  return oldest === -1 ? undefined : entries.toSpliced(oldest, 1);
}

function told(
  outbox: Outbox,
  fact: Extract<OutboxFact, { type: 'delivery-told' }>,
  { timeMs, tailSeq }: At,
): Outbox | undefined {
  const { seq, eventId, status, code, error, nextAtMs, cursorSeq, generation } = fact;
  const destination = destinationOf(outbox, fact.destination);
  if (destination === undefined || generation !== outbox.generation) return undefined;
  const known = destination.entries.find((entry) => entry.seq === seq);
  if (cursorSeq === undefined) {
    if (known === undefined || !isWaiting(known)) return undefined;
  } else {
    const isNew = seq >= destination.cursorSeq && seq < cursorSeq && cursorSeq <= tailSeq;
    if (!isNew) return undefined;
  }
  const entry: DeliveryEntry = {
    seq,
    eventId,
    status,
    attempts: (known?.attempts ?? 0) + 1,
    createdAtMs: known?.createdAtMs ?? timeMs,
    changedAtMs: timeMs,
    nextAtMs: status === 'waiting' ? (nextAtMs ?? timeMs) : undefined,
    code,
    error,
  };
  const others = destination.entries.filter((each) => each.seq !== seq);
  const entries = bounded([...others, entry]);
  if (entries === undefined) return undefined;
  return replaced(outbox, {
    ...destination,
    entries,
    cursorSeq: cursorSeq ?? destination.cursorSeq,
  });
}

function passed(
  outbox: Outbox,
  fact: Extract<OutboxFact, { type: 'deliveries-passed' }>,
  tailSeq: number,
): Outbox | undefined {
  const { cursorSeq, generation } = fact;
  const destination = destinationOf(outbox, fact.destination);
  if (destination === undefined || generation !== outbox.generation) return undefined;
  const isFurther = cursorSeq > destination.cursorSeq && cursorSeq <= tailSeq;
  return isFurther ? replaced(outbox, { ...destination, cursorSeq }) : undefined;
}

/** Whatever became of it, it is delivered again; what is still to come will be anyway. */
function asked(
  outbox: Outbox,
  { destination: id, seq, eventId }: Extract<OutboxFact, { type: 'redelivery-asked' }>,
  { timeMs }: At,
): Outbox | undefined {
  const destination = destinationOf(outbox, id);
  if (destination === undefined || seq >= destination.cursorSeq) return undefined;
  const known = destination.entries.find((entry) => entry.seq === seq);
  const entry: DeliveryEntry = {
    seq,
    eventId,
    status: 'waiting',
    // It has all of its attempts again.
    attempts: 0,
    createdAtMs: known?.createdAtMs ?? timeMs,
    changedAtMs: timeMs,
    nextAtMs: timeMs,
    code: known?.code,
    error: known?.error,
  };
  const others = destination.entries.filter((each) => each.seq !== seq);
  const entries = bounded([...others, entry]);
  return entries && replaced(outbox, { ...destination, entries });
}

/** Whether somebody may have to deliver something. */
export const owesDelivery = ({ destinations }: Outbox, tailSeq: number): boolean =>
  destinations.some(
    ({ isEnabled, cursorSeq, entries }) =>
      isEnabled && (cursorSeq < tailSeq || entries.some(isWaiting)),
  );
