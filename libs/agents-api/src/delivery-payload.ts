// What is posted to a destination, in the words of those who receive it.

import type { Fields } from '@tidemark/sessions-api';
import { shortened, type ToldEvent } from './run-events.ts';

/** Its id is unique among the events of all sessions: whoever dedupes goes by it. */
export function deliveryPayload(
  told: ToldEvent,
  {
    id,
    metadata,
    includesRaw,
  }: { readonly id: string; readonly metadata: Fields | null; readonly includesRaw: boolean },
): Fields {
  const event = shortened(includesRaw ? told : withoutRaw(told));
  return { type: event.type, sessionId: event['session'], eventId: id, metadata, event };
}

function withoutRaw(event: ToldEvent): ToldEvent {
  const { raw: _, ...body } = event['body'] as Fields;
  return { ...event, body };
}
