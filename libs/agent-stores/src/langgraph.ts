// Checkpoints of LangGraph. A thread is a session; a checkpoint is an event, with the values of those channels
// that it changed, and so are the writes of a task. What a checkpoint had is put together from its own and
// earlier events, by the versions of its channels.

import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  copyCheckpoint,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  type SerializerProtocol,
  TASKS,
  WRITES_IDX_MAP,
  writesSortKey,
} from '@langchain/langgraph-checkpoint';
import { namePart } from '@tidemark/agent-formats';
import {
  type ClientOptions,
  type SentEvent,
  SessionsClient,
  sessionPath,
} from '@tidemark/sessions-client';
import {
  applyCheckpointEvent,
  type Packed,
  type SavedCheckpoint,
  ThreadCheckpoints,
} from './langgraph-thread.ts';
import { SessionFold } from './session-fold.ts';

type Config = Parameters<BaseCheckpointSaver['getTuple']>[0];

export type TidemarkSaverOptions = Pick<ClientOptions, 'baseUrl' | 'apiKey' | 'fetch'> & {
  readonly serde?: SerializerProtocol;
};

interface Key {
  readonly thread: string;
  readonly namespace: string;
  readonly checkpoint: string | undefined;
}

const threadsMax = 64;
/** The version of the checkpoint format. */
const sendsInChannelsSince = 4;

export class TidemarkSaver extends BaseCheckpointSaver {
  readonly #client: SessionsClient;
  readonly #threads = new Map<string, SessionFold<ThreadCheckpoints>>();
  readonly #made = new Set<string>();

  constructor({ serde, ...options }: TidemarkSaverOptions) {
    super(serde);
    this.#client = new SessionsClient(options);
  }

  async getTuple(config: Config): Promise<CheckpointTuple | undefined> {
    const { thread, namespace, checkpoint } = keyOf(config);
    if (thread === '') return undefined;
    const saved = await this.#savedIn(thread);
    const found =
      checkpoint === undefined ? saved.newest(namespace) : saved.find(namespace, checkpoint);
    return found === undefined ? undefined : this.#tupleOf(thread, saved, found);
  }

  async *list(
    config: Config,
    options: CheckpointListOptions = {},
  ): AsyncGenerator<CheckpointTuple> {
    const { limit = Infinity, before, filter } = options;
    const { thread, checkpoint } = keyOf(config);
    const namespace = config.configurable?.['checkpoint_ns'] as string | undefined;
    const bound = before === undefined ? undefined : getCheckpointId(before);
    let left = limit;
    for (const each of thread === '' ? await this.#allThreads() : [thread]) {
      const saved = await this.#savedIn(each);
      for (const found of saved.newestFirst(namespace)) {
        if (checkpoint !== undefined && found.id !== checkpoint) continue;
        if (bound !== undefined && bound !== '' && found.id >= bound) continue;
        const tuple = await this.#tupleOf(each, saved, found);
        if (!isMatching(tuple.metadata, filter)) continue;
        if (left <= 0) return;
        left -= 1;
        yield tuple;
      }
    }
  }

  async put(
    config: Config,
    checkpoint: Checkpoint,
    ...[metadata, newVersions]: [metadata: CheckpointMetadata, newVersions: ChannelVersions]
  ): Promise<Config> {
    const { thread, namespace, checkpoint: parent } = keyOf(config);
    if (thread === '') throw new Error('a checkpoint is put with a thread_id');
    const { channel_values: values, ...rest } = copyCheckpoint(checkpoint);
    const changed = Object.entries(newVersions).filter(([channel]) =>
      Object.hasOwn(values, channel),
    );
    const channels = await Promise.all(
      changed.map(async ([channel, version]) => ({
        channel,
        version,
        value: await this.#pack(values[channel]),
      })),
    );
    await this.#append(thread, {
      type: 'langgraph.checkpoint',
      checkpoint_ns: namespace,
      checkpoint_id: checkpoint.id,
      parent_id: parent ?? null,
      checkpoint: await this.#pack(rest),
      checkpoint_metadata: await this.#pack(metadata),
      channels,
    });
    return configOf({ thread, namespace, checkpoint: checkpoint.id });
  }

  async putWrites(
    config: Config,
    writes: PendingWrite[],
    ...[taskId, taskPath = '']: [taskId: string, taskPath?: string]
  ): Promise<void> {
    const { thread, namespace, checkpoint } = keyOf(config);
    if (thread === '') throw new Error('writes are put with a thread_id');
    if (checkpoint === undefined) throw new Error('writes are put with a checkpoint_id');
    const packedWrites = await Promise.all(
      writes.map(async ([channel, value], index) => ({
        channel,
        index: WRITES_IDX_MAP[channel] ?? index,
        value: await this.#pack(value),
      })),
    );
    await this.#append(thread, {
      type: 'langgraph.writes',
      checkpoint_ns: namespace,
      checkpoint_id: checkpoint,
      task_id: taskId,
      task_path: taskPath,
      writes: packedWrites,
    });
  }

  async deleteThread(threadId: string): Promise<void> {
    this.#threads.delete(threadId);
    this.#made.delete(threadId);
    await this.#client.delete({ session: sessionOf(threadId) });
  }

  async #savedIn(thread: string): Promise<ThreadCheckpoints> {
    const fold =
      this.#threads.get(thread) ??
      new SessionFold(
        this.#client,
        { session: sessionOf(thread) },
        { begin: () => new ThreadCheckpoints(), apply: applyCheckpointEvent },
      );
    this.#threads.delete(thread);
    this.#threads.set(thread, fold);
    const [oldest] = this.#threads.keys();
    if (this.#threads.size > threadsMax && oldest !== undefined) this.#threads.delete(oldest);
    return (await fold.read()).state;
  }

  async #allThreads(): Promise<string[]> {
    const threads: string[] = [];
    const query = { 'metadata[source]': 'langgraph', limit: 1_000 };
    for await (const session of this.#client.list('/v1/sessions', { query })) {
      const { thread_id: thread } = session['metadata'] as Readonly<Record<string, string>>;
      if (thread !== undefined) threads.push(thread);
    }
    return threads;
  }

  async #append(thread: string, event: SentEvent): Promise<void> {
    const session = sessionOf(thread);
    if (!this.#made.has(thread)) {
      const metadata = { source: 'langgraph', thread_id: thread };
      await this.#client.json(sessionPath({ session }), { method: 'PUT', body: { metadata } });
      this.#made.add(thread);
    }
    await this.#client.appendAtOnce({ session }, [event]);
  }

  async #tupleOf(
    thread: string,
    saved: ThreadCheckpoints,
    found: SavedCheckpoint,
  ): Promise<CheckpointTuple> {
    const { namespace, id, parent } = found;
    return {
      config: configOf({ thread, namespace, checkpoint: id }),
      checkpoint: await this.#checkpointOf(saved, found),
      metadata: (await this.#unpack(found.metadata)) as CheckpointMetadata,
      ...(parent === undefined
        ? {}
        : { parentConfig: configOf({ thread, namespace, checkpoint: parent }) }),
      pendingWrites: await this.#writesOf(saved, namespace, id),
    };
  }

  async #checkpointOf(saved: ThreadCheckpoints, found: SavedCheckpoint): Promise<Checkpoint> {
    const { namespace, parent } = found;
    const rest = (await this.#unpack(found.checkpoint)) as Omit<Checkpoint, 'channel_values'>;
    const values: Record<string, unknown> = {};
    for (const [channel, version] of Object.entries(rest.channel_versions)) {
      const value = saved.valueOf(namespace, channel, version);
      if (value !== undefined) values[channel] = await this.#unpack(value);
    }
    const checkpoint = { ...rest, channel_values: values };
    if (rest.v >= sendsInChannelsSince || parent === undefined) return checkpoint;
    const writes = await this.#writesOf(saved, namespace, parent);
    return this.#withSends(checkpoint, writes);
  }

  /** Older checkpoints have what was sent to tasks among the writes of their parent. */
  #withSends(checkpoint: Checkpoint, writes: CheckpointPendingWrite[]): Checkpoint {
    const sends = writes.filter(([, channel]) => channel === TASKS).map(([, , value]) => value);
    const versions = Object.values(checkpoint.channel_versions);
    const version =
      versions.length === 0 ? this.getNextVersion(undefined) : maxChannelVersion(...versions);
    return {
      ...checkpoint,
      channel_values: { ...checkpoint.channel_values, [TASKS]: sends },
      channel_versions: { ...checkpoint.channel_versions, [TASKS]: version },
    };
  }

  async #writesOf(
    saved: ThreadCheckpoints,
    namespace: string,
    id: string,
  ): Promise<CheckpointPendingWrite[]> {
    const writes = saved
      .writesOf(namespace, id)
      .toSorted((one, other) =>
        compareWritesSortKeys(
          writesSortKey(one.path, one.task, one.index),
          writesSortKey(other.path, other.task, other.index),
        ),
      );
    return Promise.all(
      writes.map(
        async ({ task, channel, value }): Promise<CheckpointPendingWrite> => [
          task,
          channel,
          await this.#unpack(value),
        ],
      ),
    );
  }

  async #pack(value: unknown): Promise<Packed> {
    const [type, bytes] = await this.serde.dumpsTyped(value);
    const buffer = Buffer.from(bytes);
    return type === 'json'
      ? { type, text: buffer.toString('utf8') }
      : { type, base64: buffer.toString('base64') };
  }

  #unpack({ type, text, base64 }: Packed): Promise<unknown> {
    return this.serde.loadsTyped(type, text ?? new Uint8Array(Buffer.from(base64 ?? '', 'base64')));
  }
}

function keyOf(config: Config): Key {
  const { thread_id: thread, checkpoint_ns: namespace } = (config.configurable ?? {}) as Readonly<
    Record<string, string | undefined>
  >;
  const checkpoint = getCheckpointId(config);
  return {
    thread: thread ?? '',
    namespace: namespace ?? '',
    checkpoint: checkpoint === '' ? undefined : checkpoint,
  };
}

const configOf = ({ thread, namespace, checkpoint }: Key): Config => ({
  configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: checkpoint },
});

const sessionOf = (thread: string): string => `langgraph.${namePart(thread)}`;

function isMatching(
  metadata: CheckpointMetadata | undefined,
  filter: Record<string, unknown> | undefined,
): boolean {
  const known = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(filter ?? {}).every(([key, value]) => known[key] === value);
}
