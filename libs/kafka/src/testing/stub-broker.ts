// A broker that leads everything, one of several where others are named, and answers as it is scripted, over real sockets. It applies what
// it is told to apply, so that a test knows what the log holds whatever was answered.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Shard, shardOf } from '@tidemark/ports';
import { textOf } from '@tidemark/std';
import { decodeRecords } from '../record-batch-decode.ts';
import { FrameWriter, WireReader } from '../wire.ts';

type ProduceReply =
  /** Applied so many times, then answered so. */
  | { readonly copies: number; readonly errorCode: number; readonly baseOffset?: bigint }
  /** Applied, and left out of the answer. */
  | { readonly copies: number; readonly isMissing: true };

export interface StubPlan {
  readonly topics: ReadonlyMap<string, number>;
  /** 1, unless it is told. */
  readonly id?: number;
  /** The ports of all brokers that it tells of, by their ids. Absent: of itself alone. */
  readonly brokerPorts?: () => ReadonlyMap<number, number>;
  /** `attempt` counts the requests that named the shard, from 1. */
  readonly onProduce?: (shard: Shard, attempt: number) => ProduceReply;
  /** Called once for each produce request, after it was applied. */
  readonly afterProduce?: (
    shards: readonly Shard[],
  ) => Promise<'answer' | 'disconnect' | 'silence'>;
  /** The leader epoch that it tells, by the number of the question from 1. */
  readonly leaderEpochOf?: (question: number) => number;
  /** The error it tells of a topic's settings, by the number of the question from 1; none unless it is told. */
  readonly onDescribe?: (question: number) => number;
  /** Called before each answer to a question about topics, with its number from 1. */
  readonly beforeMetadata?: (question: number) => Promise<void>;
}

export interface StubBroker extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Values in log order. */
  readonly stored: ReadonlyMap<Shard, readonly string[]>;
  readonly produceRequests: readonly (readonly Shard[])[];
  readonly metadataRequests: readonly number[];
  /** With which leader epoch ends were asked for. */
  readonly offsetEpochs: readonly number[];
  readonly describeRequests: number;
  /** Those on which something was produced. */
  readonly produceConnections: ReadonlySet<unknown>;
}

const apis = {
  produce: 0,
  listOffsets: 2,
  metadata: 3,
  saslHandshake: 17,
  apiVersions: 18,
  describeConfigs: 32,
  saslAuthenticate: 36,
} as const;
const offered = [0, 1, 2, 3, 17, 18, 32, 36];

export async function startStubBroker(plan: StubPlan): Promise<StubBroker> {
  const stub = new Stub(plan);
  const server = createServer((socket) => stub.serve(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stub.port = (server.address() as AddressInfo).port;
  return Object.assign(stub, {
    address: `127.0.0.1:${stub.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of stub.sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

class Stub {
  readonly stored = new Map<Shard, string[]>();
  readonly produceRequests: Shard[][] = [];
  readonly metadataRequests: number[] = [];
  readonly offsetEpochs: number[] = [];
  describeRequests = 0;
  readonly produceConnections = new Set<Socket>();
  readonly sockets = new Set<Socket>();
  readonly #attempts = new Map<Shard, number>();
  readonly #plan: StubPlan;
  port = 0;

  constructor(plan: StubPlan) {
    this.#plan = plan;
  }

  serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    let pending = Buffer.alloc(0);
    let turn = Promise.resolve();
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const frame = pending.subarray(4, 4 + pending.readInt32BE(0));
        pending = pending.subarray(4 + frame.length);
        // As a broker does: one request of a connection after the other.
        turn = turn.then(() => this.#answer(socket, frame));
      }
    });
  }

  async #answer(socket: Socket, frame: Buffer): Promise<void> {
    const reader = new WireReader(frame);
    const key = reader.int16();
    reader.int16();
    const correlation = reader.int32();
    reader.string();
    // Size and correlation stand where a request has size and api: the rest is cut away below.
    const body = new FrameWriter({ key: 0, version: 0, name: 'answer' }, '');
    if (key === apis.apiVersions) this.#tellVersions(body);
    else if (key === apis.metadata) {
      const isOfTopics = this.#tellMetadata(reader, body);
      if (isOfTopics) await this.#plan.beforeMetadata?.(this.metadataRequests.length);
    }
    // It gets as far as a password, and no further.
    else if (key === apis.saslHandshake)
      body.int16(0).array(['PLAIN'], (name) => body.string(name));
    else if (key === apis.saslAuthenticate) return void socket.destroy();
    else if (key === apis.listOffsets) this.#tellOffsets(reader, body);
    else if (key === apis.describeConfigs) this.#tellConfigs(reader, body);
    else if (key === apis.produce) {
      this.produceConnections.add(socket);
      const shards = this.#produce(reader, body);
      const next = (await this.#plan.afterProduce?.(shards)) ?? 'answer';
      if (next === 'disconnect') socket.destroy();
      if (next !== 'answer') return;
    }
    const written = body.finish(0).subarray(requestHeaderBytes);
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + written.length, 0);
    head.writeInt32BE(correlation, 4);
    socket.write(Buffer.concat([head, written]));
  }

  #tellVersions(body: FrameWriter): void {
    body.int16(0).array(offered, (key) => body.int16(key).int16(0).int16(11));
    body.int32(0);
  }

  /** Says whether it was asked for more than who is there. */
  #tellMetadata(reader: WireReader, body: FrameWriter): boolean {
    const count = reader.int32();
    const names = Array.from({ length: Math.max(0, count) }, () => reader.string());
    if (count !== 0) this.metadataRequests.push(names.length);
    const { id: self = 1 } = this.#plan;
    const ports = this.#plan.brokerPorts?.() ?? new Map([[self, this.port]]);
    const epoch = this.#plan.leaderEpochOf?.(this.metadataRequests.length) ?? 0;
    const asked = count < 0 ? [...this.#plan.topics.keys()] : names;
    body.int32(0).array([...ports], ([id, port]) => {
      body.int32(id).string('127.0.0.1').int32(port).string('');
    });
    body.string('stub').int32(self);
    body.array(asked, (name) => {
      const partitions = this.#plan.topics.get(name);
      body
        .int16(partitions === undefined ? 3 : 0)
        .string(name)
        .int8(0);
      const indexes = Array.from({ length: partitions ?? 0 }, (_, index) => index);
      body.array(indexes, (index) => {
        body.int16(0).int32(index).int32(self).int32(epoch);
        for (let list = 0; list < 3; list += 1)
          body.array(list < 2 ? [self] : [], (id) => body.int32(id));
      });
    });
    return count !== 0;
  }

  #tellOffsets(reader: WireReader, body: FrameWriter): void {
    reader.int32();
    reader.int8();
    const topics = reader.array(() => ({
      name: reader.string(),
      partitions: reader.array(() => {
        const partition = reader.int32();
        this.offsetEpochs.push(reader.int32());
        return { partition, time: reader.int64() };
      }),
    }));
    body.int32(0).array(topics, ({ name, partitions }) => {
      body.string(name).array(partitions, ({ partition, time }) => {
        const end = this.stored.get(shardOf(name, partition))?.length ?? 0;
        body
          .int32(partition)
          .int16(0)
          .int64(-1n)
          .int64(time === -2n ? 0n : BigInt(end))
          .int32(0);
      });
    });
  }

  /** A topic without a setting. */
  #tellConfigs(reader: WireReader, body: FrameWriter): void {
    this.describeRequests += 1;
    const errorCode = this.#plan.onDescribe?.(this.describeRequests) ?? 0;
    const names = reader.array(() => {
      reader.int8();
      const name = reader.string();
      reader.array(() => reader.string());
      return name;
    });
    body.int32(0).array(names, (name) => {
      body.int16(errorCode).string('').int8(2).string(name).int32(0);
    });
  }

  #produce(reader: WireReader, body: FrameWriter): Shard[] {
    reader.string();
    reader.int16();
    reader.int32();
    const shards: Shard[] = [];
    const topics = reader.array(() => {
      const name = reader.string();
      const replies = reader.array(() => {
        const partition = reader.int32();
        const shard = shardOf(name, partition);
        shards.push(shard);
        return { partition, reply: this.#apply(shard, reader.bytes()) };
      });
      return { name, replies: replies.filter(({ reply }) => !('isMissing' in reply)) };
    });
    this.produceRequests.push(shards);
    body.array(topics, ({ name, replies }) => {
      body.string(name).array(replies, ({ partition, reply }) => {
        const { errorCode, baseOffset } = reply as { errorCode: number; baseOffset: bigint };
        body.int32(partition).int16(errorCode).int64(baseOffset).int64(-1n).int64(0n);
        body.int32(0).int16(-1);
      });
    });
    body.int32(0);
    return shards;
  }

  #apply(shard: Shard, batch: Buffer): ProduceReply {
    const attempt = (this.#attempts.get(shard) ?? 0) + 1;
    this.#attempts.set(shard, attempt);
    const reply = this.#plan.onProduce?.(shard, attempt) ?? { copies: 1, errorCode: 0 };
    const stored = this.stored.get(shard) ?? [];
    this.stored.set(shard, stored);
    const texts = decodeRecords(batch, 0n).records.map(({ value }) => textOf(value));
    let baseOffset = -1n;
    for (let copy = 0; copy < reply.copies; copy += 1) {
      baseOffset = BigInt(stored.length);
      stored.push(...texts);
    }
    if ('isMissing' in reply) return reply;
    const told = reply.baseOffset ?? (reply.errorCode === 0 ? baseOffset : -1n);
    return { copies: reply.copies, errorCode: reply.errorCode, baseOffset: told };
  }
}

/** size, api key, api version, correlation, and an empty client id */
const requestHeaderBytes = 4 + 2 + 2 + 4 + 2;
