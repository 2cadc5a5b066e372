// What a session's state takes on the heap, measured in Node 24 by making a hundred thousand of each and
// rounded up: a JSON session of one event and a short name, its event's place included, takes 1,700 bytes. docs/OPERATIONS.md states it; the budget is kept by it.

import { aspectsBytes, type SessionState } from '@tidemark/session';

/** Objects, key and place in the table of a session that is live, and of one that is not. */
const liveBytes = 1_408;
const absentBytes = 512;
const nameFactor = 4;
const entryBytes = {
  producer: 240,
  key: 320,
  eventId: 320,
  ref: 320,
  owed: 320,
  burned: 96,
  link: 240,
  usageDay: 120,
  times: 120,
  span: 8,
};

export function costOf(state: SessionState): number {
  const { stream, subscription, owed, burned, usage, name } = state;
  let bytes = absentBytes + nameFactor * name.length;
  if (usage !== undefined) bytes += entryBytes.usageDay * (1 + usage.before.length);
  bytes += entryBytes.owed * owed.length + entryBytes.burned * burned.length;
  if (subscription?.kind === 'live') bytes += liveBytes + entryBytes.link * subscription.links.size;
  if (stream === undefined) return bytes;
  const { producers, keys, eventIds, refs, times } = stream;
  bytes += liveBytes - absentBytes;
  bytes += aspectsBytes(stream.aspects);
  if (times !== undefined) bytes += entryBytes.times + entryBytes.span * times.before.length;
  bytes += entryBytes.producer * producers.size + entryBytes.key * keys.size;
  return bytes + entryBytes.eventId * eventIds.size + entryBytes.ref * refs.size;
}
