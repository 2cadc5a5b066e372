// One export: the partitions of a tenant one after the other, as fast as its reader takes them.
//
// (1) A piece is made once the one before has been taken: what is held is one piece, and what its making needs.
// (2) Where it cannot go on it is cut off: an answer that ends is whole.
// (3) It ends with its reader, its key, its time, or the process.

import { type EdgeReply, LiveAnswer, type LiveGrant } from '@tidemark/edge';
import type { TimerWheel } from '@tidemark/platform';
import type { Logger } from '@tidemark/ports';
import type { ShardReplica, Shards, Tenant } from '@tidemark/replica';
import { type ExportPiece, exportEvents, type SegmentArchive } from '@tidemark/segments';
import { bytesOf, concatBytes } from '@tidemark/std';
import type { GoLive } from '../live-grant.ts';
import { type ExportRequest, placeText } from './export-request.ts';

export interface ExportParts {
  readonly shards: Shards;
  readonly wheel: TimerWheel;
  readonly archive: SegmentArchive;
  readonly logger: Logger;
}

/** A partition, and where it begins and ends for this export. */
export interface ExportedShard {
  readonly replica: ShardReplica;
  readonly from: number;
  readonly to: number;
}

/** Then it is cut off: whoever reads goes on from a checkpoint. */
const lifetimeMs = 3_600_000;

const headers = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' };

interface ExportOptions {
  readonly tenant: Tenant;
  readonly request: ExportRequest;
  readonly exported: readonly ExportedShard[];
  readonly goLive: GoLive;
  readonly onEnd: () => void;
}

export class ExportAnswer {
  readonly #parts: ExportParts;
  readonly #options: ExportOptions;
  readonly #answer: LiveAnswer;
  readonly #grant: LiveGrant;
  readonly #ending = new AbortController();
  readonly #offsets: number[];
  #eventsLeft: number;
  #wake: (() => void) | undefined;

  constructor(parts: ExportParts, reply: EdgeReply, options: ExportOptions) {
    // Throws where there are too many: nothing is held yet.
    this.#grant = options.goLive(() => this.#lookAtGrant());
    this.#parts = parts;
    this.#options = options;
    this.#offsets = options.exported.map(({ from }) => from);
    this.#eventsLeft = options.request.eventsMax;
    this.#answer = new LiveAnswer(reply, headers, {
      wheel: parts.wheel,
      onDrain: () => this.#wake?.(),
      onClose: () => this.close(),
    });
    if (this.#answer.isClosed) this.close();
  }

  close(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#grant.end();
    this.#wake?.();
    this.#options.onEnd();
  }

  #lookAtGrant(): void {
    if (!this.#grant.holds(undefined)) this.#answer.abort();
  }

  async run(): Promise<void> {
    const cancel = this.#parts.wheel.after(lifetimeMs, () => this.#answer.abort());
    try {
      for (const index of this.#options.exported.keys()) await this.#exportShard(index);
      if (this.#options.exported.length === 0 || this.#eventsLeft === 0) await this.#checkpoint(0);
      this.#answer.end();
    } catch (cause) {
      const wasClosed = this.#ending.signal.aborted;
      if (!wasClosed) this.#parts.logger.warn({ err: cause }, 'an export was cut off');
      this.#answer.abort();
    } finally {
      cancel();
      this.close();
    }
  }

  async #exportShard(index: number): Promise<void> {
    const { shards, archive } = this.#parts;
    const { request, exported } = this.#options;
    const { replica, from, to } = exported[index] as ExportedShard;
    if (this.#eventsLeft === 0) return;
    const { log, clock } = shards.parts;
    const asked = {
      replica,
      from,
      to,
      wanted: request.wanted,
      takesKey: request.takesKey,
      takesSession: (state: Parameters<typeof request.takesSession>[0]) =>
        request.takesSession(state, clock.nowMs()),
    };
    const { signal } = this.#ending;
    if (request.isOfShard(replica.shard)) {
      for await (const piece of exportEvents({ log, clock, archive }, asked, signal)) {
        await this.#write(index, piece);
        if (this.#eventsLeft === 0) return;
      }
    }
    this.#offsets[index] = to;
    await this.#checkpoint(index);
  }

  async #write(index: number, { lines, endOffset }: ExportPiece): Promise<void> {
    const taken = lines.length > this.#eventsLeft ? lines.slice(0, this.#eventsLeft) : lines;
    this.#eventsLeft -= taken.length;
    const isCut = taken.length < lines.length;
    this.#offsets[index] = isCut ? (taken.at(-1)?.offset ?? 0) + 1 : endOffset;
    if (taken.length > 0) await this.#send(concatBytes(taken.map(({ line }) => line)));
    await this.#checkpoint(index);
  }

  /** Where to go on from, after what was sent. */
  async #checkpoint(partition: number): Promise<void> {
    const { request, tenant } = this.#options;
    if (!request.tellsCheckpoints) return;
    const checkpoint = placeText(tenant, this.#offsets);
    const told = { checkpoint, partition, offsets: this.#offsets };
    await this.#send(bytesOf(`${JSON.stringify(told)}\n`));
  }

  async #send(bytes: Uint8Array): Promise<void> {
    while (this.#answer.isFull && !this.#answer.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#ending.signal.throwIfAborted();
    this.#answer.write([bytes]);
  }
}
