// What one thread has saved, folded from its events.

import type { StoredEvent } from '@tidemark/sessions-client';

/** A value as its serializer wrote it. */
export interface Packed {
  readonly type: string;
  readonly text?: string;
  readonly base64?: string;
}

export interface SavedCheckpoint {
  readonly namespace: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly checkpoint: Packed;
  readonly metadata: Packed;
}

export interface SavedWrite {
  readonly task: string;
  readonly path: string;
  readonly index: number;
  readonly channel: string;
  readonly value: Packed;
}

const keyOf = (...parts: readonly (string | number)[]): string => JSON.stringify(parts);

export class ThreadCheckpoints {
  readonly #checkpoints = new Map<string, SavedCheckpoint>();
  readonly #values = new Map<string, Packed>();
  readonly #writes = new Map<string, Map<string, SavedWrite>>();

  find(namespace: string, id: string): SavedCheckpoint | undefined {
    return this.#checkpoints.get(keyOf(namespace, id));
  }

  newest(namespace: string): SavedCheckpoint | undefined {
    return this.newestFirst(namespace)[0];
  }

  /** Of all namespaces, where none is given. Ids sort by time. */
  newestFirst(namespace: string | undefined): SavedCheckpoint[] {
    return [...this.#checkpoints.values()]
      .filter((each) => namespace === undefined || each.namespace === namespace)
      .sort((one, other) => (one.id < other.id ? 1 : -1));
  }

  valueOf(namespace: string, channel: string, version: string | number): Packed | undefined {
    return this.#values.get(keyOf(namespace, channel, version));
  }

  writesOf(namespace: string, id: string): SavedWrite[] {
    return [...(this.#writes.get(keyOf(namespace, id))?.values() ?? [])];
  }

  save(checkpoint: SavedCheckpoint): void {
    this.#checkpoints.set(keyOf(checkpoint.namespace, checkpoint.id), checkpoint);
  }

  saveValue(
    namespace: string,
    channel: string,
    { version, value }: { version: string | number; value: Packed },
  ): void {
    this.#values.set(keyOf(namespace, channel, version), value);
  }

  /** Of a task's writes the first stands; those of errors and interrupts, below 0, are replaced. */
  saveWrite(namespace: string, id: string, write: SavedWrite): void {
    const key = keyOf(namespace, id);
    const writes = this.#writes.get(key) ?? new Map<string, SavedWrite>();
    const place = keyOf(write.task, write.index);
    if (write.index < 0 || !writes.has(place)) writes.set(place, write);
    this.#writes.set(key, writes);
  }
}

interface CheckpointEvent {
  readonly checkpoint_ns: string;
  readonly checkpoint_id: string;
  readonly parent_id: string | null;
  readonly checkpoint: Packed;
  readonly checkpoint_metadata: Packed;
  readonly channels: readonly {
    readonly channel: string;
    readonly version: string | number;
    readonly value: Packed;
  }[];
}

interface WritesEvent {
  readonly checkpoint_ns: string;
  readonly checkpoint_id: string;
  readonly task_id: string;
  readonly task_path: string;
  readonly writes: readonly Pick<SavedWrite, 'channel' | 'index' | 'value'>[];
}

export function applyCheckpointEvent(
  thread: ThreadCheckpoints,
  event: StoredEvent,
): ThreadCheckpoints {
  if (event.type === 'langgraph.checkpoint') {
    const told = event as unknown as CheckpointEvent;
    const namespace = told.checkpoint_ns;
    for (const { channel, ...saved } of told.channels) thread.saveValue(namespace, channel, saved);
    thread.save({
      namespace,
      id: told.checkpoint_id,
      parent: told.parent_id ?? undefined,
      checkpoint: told.checkpoint,
      metadata: told.checkpoint_metadata,
    });
  } else if (event.type === 'langgraph.writes') {
    const { checkpoint_ns, checkpoint_id, task_id, task_path, writes } =
      event as unknown as WritesEvent;
    for (const write of writes) {
      thread.saveWrite(checkpoint_ns, checkpoint_id, { ...write, task: task_id, path: task_path });
    }
  }
  return thread;
}
