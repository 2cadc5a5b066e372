/** An event as it is sent. */
export interface SentEvent {
  readonly type: string;
  /** The client gives one where this is missing: it is what makes a repeat harmless. */
  readonly id?: string;
  /** RFC 3339; the server's where it is missing. */
  readonly processed_at?: string;
  readonly [field: string]: unknown;
}

/** An event as it is told. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly processed_at: string | null;
  readonly [field: string]: unknown;
}

export type NamedEvent = SentEvent & { readonly id: string };

// The server takes 1,000 events and 8 MiB at once. A request stays well below, so that it is answered soon.
export const requestEventsMax = 500;
export const requestBytesMax = 1024 * 1024;

const encoder = new TextEncoder();

export const bytesIn = (text: string): number => encoder.encode(text).length;

/** In order, as many at once as a request may carry. */
export function* requestsOf(events: Iterable<NamedEvent>): Generator<readonly NamedEvent[]> {
  let batch: NamedEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = bytesIn(JSON.stringify(event)) + 1;
    const isFull = batch.length >= requestEventsMax || bytes + size > requestBytesMax;
    if (isFull && batch.length > 0) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
