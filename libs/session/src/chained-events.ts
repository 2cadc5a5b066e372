import type { GivenEvents } from './commands.ts';
import type { Chain } from './decision.ts';
import { stampedBody } from './event-identity.ts';
import type { RecordRun } from './record.ts';
import type { StreamState } from './state.ts';

/** What rides on the first record of an append. */
export type Identities = Pick<RecordRun, 'producer' | 'streamSeq' | 'key'>;

export interface AddedEvents {
  readonly count: number;
  readonly endPosition: number;
  readonly stored: readonly (Uint8Array | number)[] | undefined;
}

/** Events that are appended, as they are stored. */
type FreshEvents = Pick<RecordRun, 'values' | 'joined' | 'types' | 'notes' | 'eventIds'>;

/** Chains events at the tail of a stream: those that it does not know by their ids yet. */
export function addEvents(
  chain: Chain,
  stream: StreamState,
  { given, identities }: { readonly given: GivenEvents; readonly identities: Identities },
): AddedEvents {
  const { stored, fresh } = freshIn(stream, given, chain.timeMs);
  const { values } = fresh;
  let valueBytes = 0;
  for (const { length } of values) valueBytes += length;
  if (values.length > 0) chain.addRun({ ...fresh, ...identities, valueBytes, seq: stream.tailSeq });
  const endPosition = stream.tailPosition + (stream.isJson ? values.length : valueBytes);
  return { count: values.length, endPosition, stored };
}

function freshIn(
  stream: StreamState,
  given: GivenEvents,
  timeMs: number,
): { readonly fresh: FreshEvents; readonly stored: AddedEvents['stored'] } {
  const { events, joined, stamps, types, notes, eventIds } = given;
  if (stamps === undefined && eventIds === undefined) {
    return { fresh: { values: events, joined, types, notes }, stored: undefined };
  }
  const stored: (Uint8Array | number)[] = [];
  const values: Uint8Array[] = [];
  const places: number[] = [];
  for (const [index, event] of events.entries()) {
    const eventId = eventIds?.[index];
    const known = eventId === undefined ? undefined : stream.eventIds.get(eventId);
    if (known !== undefined) {
      stored.push(known.firstSeq);
      continue;
    }
    const stamp = stamps?.[index];
    const at = { stream, seq: stream.tailSeq + values.length, timeMs };
    const value = stamp === undefined ? event : stampedBody(stamp, event, at);
    stored.push(value);
    values.push(value);
    places.push(index);
  }
  const of = <T>(told: readonly T[] | undefined): readonly T[] | undefined =>
    told && places.map((index) => told[index] as T);
  const fresh = { values, types: of(types), notes: of(notes), eventIds: of(eventIds) };
  return { fresh, stored: stamps && stored };
}
