// What one request may carry: the server takes 1,000 events and 8 MiB at once. A batch stays well below, and
// two events of one id never stand in one batch, where the server would refuse both.

export interface SentEvent {
  readonly type: string;
  readonly id?: string;
  readonly processed_at?: string;
  readonly [field: string]: unknown;
}

export interface BatchBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

export const batchBounds: BatchBounds = { eventsMax: 500, bytesMax: 1024 * 1024 };

export interface Batch {
  readonly events: readonly SentEvent[];
  readonly body: string;
}

/** Events in order, each in one batch; of those with one id the first. */
export function* batchesOf(
  events: Iterable<SentEvent>,
  bounds: BatchBounds = batchBounds,
): Generator<Batch> {
  let batch: SentEvent[] = [];
  let bodies: string[] = [];
  let bytes = 0;
  const ids = new Set<string>();
  const take = (): Batch => {
    const taken = { events: batch, body: `[${bodies.join(',')}]` };
    [batch, bodies, bytes] = [[], [], 0];
    ids.clear();
    return taken;
  };
  for (const event of events) {
    if (event.id !== undefined && ids.has(event.id)) continue;
    const body = JSON.stringify(event);
    const size = Buffer.byteLength(body) + 1;
    const isFull = batch.length >= bounds.eventsMax || bytes + size > bounds.bytesMax;
    if (isFull && batch.length > 0) yield take();
    if (event.id !== undefined) ids.add(event.id);
    batch.push(event);
    bodies.push(body);
    bytes += size;
  }
  if (batch.length > 0) yield take();
}
