// A session remembers the ids of late events only: so many others, and it has forgotten those before.

import type { SessionsClient } from '@tidemark/sessions-client';

/** More than a session ever remembers. */
const othersCount = 70_000;

export async function forgetIds(client: SessionsClient, session: string): Promise<void> {
  const others = Array.from({ length: othersCount }, (_, n) => ({
    type: 'other',
    id: `other-${n}`,
  }));
  await client.append({ session }, others, { eventsMax: 1_000, bytesMax: 1024 * 1024 });
}
