import type { GivenEvents } from './commands.ts';
import type { Chain } from './decision.ts';
import { stampedBody } from './event-identity.ts';
import type { SessionRecord } from './record.ts';
import type { StreamState } from './state.ts';

/** What rides on the first record of an append. */
export type Identities = Partial<Pick<SessionRecord, 'producer' | 'streamSeq' | 'key'>>;

export interface AddedEvents {
  readonly count: number;
  readonly endPosition: number;
  readonly stored: readonly (Uint8Array | number)[] | undefined;
}

/** Chains events at the tail of a stream: those that it does not know by their ids yet. */
export function addEvents(
  chain: Chain,
  stream: StreamState,
  { given, identities }: { readonly given: GivenEvents; readonly identities: Identities },
): AddedEvents {
  const { events, stamps, types, notes, eventIds } = given;
  const fresh = eventIds === undefined ? events.length : freshIn(stream, eventIds);
  const stored: (Uint8Array | number)[] | undefined = stamps && [];
  let seq = stream.tailSeq;
  let position = stream.tailPosition;
  for (let index = 0; index < events.length; index += 1) {
    const given = events[index] as Uint8Array;
    const eventId = eventIds?.[index];
    const known = eventId === undefined ? undefined : stream.eventIds.get(eventId);
    if (known !== undefined) {
      stored?.push(known.firstSeq);
      continue;
    }
    const stamp = stamps?.[index];
    const at = { stream, seq, timeMs: chain.timeMs };
    const value = stamp === undefined ? given : stampedBody(stamp, given, at);
    const type = types?.[index];
    const note = notes?.[index];
    stored?.push(value);
    // Without a spread where there is nothing to spread: a batch has very many of these.
    if (seq > stream.tailSeq) chain.add({ kind: 'event', value, seq, eventId, type, note });
    else {
      chain.add({ kind: 'event', value, seq, eventId, type, note, count: fresh, ...identities });
    }
    seq += 1;
    position += stream.isJson ? 1 : value.length;
  }
  return { count: seq - stream.tailSeq, endPosition: position, stored };
}

function freshIn({ eventIds }: StreamState, ids: readonly (string | undefined)[]): number {
  let fresh = 0;
  for (const id of ids) if (id === undefined || eventIds.get(id) === undefined) fresh += 1;
  return fresh;
}
