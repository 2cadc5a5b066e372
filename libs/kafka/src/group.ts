// Membership of a consumer group by the classic protocol, without kafkajs' consumer, which fetches as
// soon as it is assigned. The group only spreads work: what is written is decided by the log, so a
// member that cannot reach the coordinator goes on with what it has.
//
// unjoined -> joined     #join
// joined -> unjoined     #beat     (the group changes, or forgot this member)

import { isFault, type Shard, shardOf, sleep, topicOf } from '@tidemark/ports';
import { bytesOf, textOf } from '@tidemark/std';
import { type BrokerConnection, RequestLost } from './connection.ts';
import { errorCodes, faultOf, faultReasonOf } from './errors.ts';
import { type GroupMember, planAssignment } from './group-plan.ts';
import { callOf, MemberAssignment, MemberMetadata } from './kafkajs-internals.ts';
import { orAborted } from './metadata.ts';
import type { AppenderParts } from './pending-append.ts';

type GroupParts = Pick<AppenderParts, 'clock' | 'brokers' | 'metadata'>;

export interface GroupOptions {
  readonly topics: readonly string[];
  readonly signal: AbortSignal;
}

const protocolName = 'tidemark-sticky';
const retryMs = 200;
/** Beats between two looks whether a topic has grown. */
const beatsPerLook = 3;

interface Joined {
  readonly errorCode: number;
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface Membership {
  readonly generationId: number;
  readonly shards: readonly Shard[];
  /** What the leader gave out, to see whether it has become more. */
  readonly allCount: number | undefined;
}

/** The coordinator's answer asks for another join. */
class Rejoin extends Error {
  override readonly name = 'Rejoin';
}

export class GroupMembership {
  readonly #parts: GroupParts;
  readonly #group: string;
  readonly #options: GroupOptions;
  #memberId = '';
  #coordinatorId: number | undefined;
  #owned: readonly Shard[] = [];

  constructor(parts: GroupParts, group: string, options: GroupOptions) {
    this.#parts = parts;
    this.#group = group;
    this.#options = options;
  }

  /** Ends when the signal fires, having left the group. */
  async *assignments(): AsyncGenerator<readonly Shard[], void> {
    const { signal } = this.#options;
    let isFirst = true;
    try {
      while (!signal.aborted) {
        const membership = await this.#persist(() => this.#join());
        if (membership === undefined) return;
        const isSame = membership.shards.join() === this.#owned.join();
        this.#owned = membership.shards;
        if (isFirst || !isSame) yield membership.shards;
        isFirst = false;
        await this.#stay(membership);
      }
    } finally {
      await this.#leave();
    }
  }

  /** Until it works; undefined once the signal fires. */
  async #persist<T>(run: () => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        return await run();
      } catch (cause) {
        if (signal.aborted) return undefined;
        if (isFault(cause) && cause.reason !== 'unavailable') throw cause;
        const isPassing = isFault(cause) || cause instanceof RequestLost || cause instanceof Rejoin;
        if (!isPassing) throw cause;
        if (!(cause instanceof Rejoin)) this.#coordinatorId = undefined;
        await sleep(this.#parts.clock, retryMs, signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #join(): Promise<Membership> {
    const joined = await this.#askToJoin();
    const isLeader = joined.leaderId === joined.memberId;
    const plan = isLeader ? await this.#plan(joined) : undefined;
    const groupAssignment = [...(plan ?? [])].map(([memberId, shards]) => ({
      memberId,
      memberAssignment: encodeShards(shards),
    }));
    const synced = await this.#ask<{ errorCode: number; memberAssignment: Buffer }>('SyncGroup', {
      generationId: joined.generationId,
      memberId: this.#memberId,
      groupAssignment,
    });
    this.#throwOn(synced.errorCode);
    const allCount =
      plan === undefined
        ? undefined
        : [...plan.values()].reduce((count, shards) => count + shards.length, 0);
    return {
      generationId: joined.generationId,
      shards: decodeShards(synced.memberAssignment),
      allCount,
    };
  }

  async #askToJoin(): Promise<Joined> {
    const { groupSessionMs } = this.#parts.brokers.settings;
    const metadata = MemberMetadata.encode({
      version: 1,
      topics: this.#options.topics,
      userData: Buffer.from(bytesOf(this.#owned.join('\n'))),
    });
    for (;;) {
      const joined = await this.#ask<Joined>('JoinGroup', {
        sessionTimeout: groupSessionMs,
        rebalanceTimeout: groupSessionMs,
        memberId: this.#memberId,
        protocolType: 'consumer',
        groupProtocols: [{ name: protocolName, metadata }],
      });
      if (joined.memberId !== '') this.#memberId = joined.memberId;
      if (joined.errorCode === errorCodes.memberIdRequired) continue;
      this.#throwOn(joined.errorCode);
      return joined;
    }
  }

  async #plan(joined: Joined): Promise<ReadonlyMap<string, readonly Shard[]>> {
    const members: GroupMember[] = joined.members.map(({ memberId, memberMetadata }) => {
      const { userData } = MemberMetadata.decode(memberMetadata);
      const owned = textOf(userData).split('\n').filter(Boolean) as Shard[];
      return { id: memberId, owned };
    });
    return planAssignment(members, await this.#allShards());
  }

  async #allShards(): Promise<readonly Shard[]> {
    const { metadata } = this.#parts;
    const { topics, signal } = this.#options;
    await metadata.refreshTopics(topics, signal);
    return topics.flatMap((name) =>
      (metadata.topic(name)?.partitions ?? [])
        .map(({ partition }) => partition)
        .toSorted((one, other) => one - other)
        .map((partition) => shardOf(name, partition)),
    );
  }

  /** Returns when the group has to be joined again, or the signal fires. */
  async #stay(membership: Membership): Promise<void> {
    const { clock, brokers } = this.#parts;
    const { signal } = this.#options;
    const beatMs = Math.floor(brokers.settings.groupSessionMs / 10);
    for (let beat = 1; !signal.aborted; beat += 1) {
      await sleep(clock, beatMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const stays = await this.#persist(() => this.#beat(membership));
      if (stays !== true) return;
      if (beat % beatsPerLook !== 0 || membership.allCount === undefined) continue;
      const shards = await this.#allShards().catch(() => undefined);
      if (shards !== undefined && shards.length !== membership.allCount) return;
    }
  }

  async #beat(membership: Membership): Promise<boolean> {
    const { errorCode } = await this.#ask<{ errorCode: number }>('Heartbeat', {
      groupGenerationId: membership.generationId,
      memberId: this.#memberId,
      groupInstanceId: null,
    });
    if (errorCode === errorCodes.none) return true;
    try {
      this.#throwOn(errorCode);
    } catch (cause) {
      if (cause instanceof Rejoin) return false;
      throw cause;
    }
    return true;
  }

  #throwOn(errorCode: number): void {
    if (errorCode === errorCodes.none) return;
    if (errorCode === errorCodes.unknownMember) this.#memberId = '';
    if (
      errorCode === errorCodes.unknownMember ||
      errorCode === errorCodes.illegalGeneration ||
      errorCode === errorCodes.rebalanceInProgress
    ) {
      throw new Rejoin('the group changes');
    }
    if (faultReasonOf(errorCode) === 'unavailable') this.#coordinatorId = undefined;
    throw faultOf(errorCode, `group cannot be joined. group=${this.#group}`);
  }

  async #ask<T>(name: string, args: object): Promise<T> {
    const { brokers } = this.#parts;
    const { groupSessionMs, requestTimeoutMs } = brokers.settings;
    const connection = await this.#coordinator();
    const call = callOf(name, versionsOf[name] ?? 0, { groupId: this.#group, ...args });
    // A join is answered when all members have joined or were given up.
    const timeoutMs = groupSessionMs + requestTimeoutMs;
    return orAborted(connection.call(call, timeoutMs) as Promise<T>, this.#options.signal);
  }

  async #coordinator(): Promise<BrokerConnection> {
    const { brokers, metadata } = this.#parts;
    if (this.#coordinatorId === undefined) {
      // The brokers' addresses come with any metadata.
      await metadata.refreshTopics(this.#options.topics, this.#options.signal);
      const control = await brokers.control();
      const call = callOf('GroupCoordinator', 2, { groupId: this.#group });
      const found = (await control.call(call, brokers.settings.requestTimeoutMs)) as {
        readonly errorCode: number;
        readonly coordinator: { readonly nodeId: number };
      };
      if (found.errorCode !== errorCodes.none) {
        throw faultOf(found.errorCode, `group has no coordinator. group=${this.#group}`);
      }
      this.#coordinatorId = found.coordinator.nodeId;
    }
    // A connection of this membership's own: a join may be held for long.
    return brokers.to(this.#coordinatorId, `group-${this.#group}`);
  }

  /** Tells the others at once; where it cannot, they notice after the session. */
  async #leave(): Promise<void> {
    if (this.#memberId === '' || this.#coordinatorId === undefined) return;
    const { brokers } = this.#parts;
    const members = [{ memberId: this.#memberId }];
    try {
      const purpose = `group-${this.#group}`;
      const connection = await brokers.to(this.#coordinatorId, purpose);
      const call = callOf('LeaveGroup', 3, { groupId: this.#group, members });
      await connection.call(call, retryMs * 5);
    } catch {
      // Nothing depends on it.
    }
  }
}

const versionsOf: Readonly<Record<string, number>> = { JoinGroup: 5, SyncGroup: 3, Heartbeat: 3 };

function encodeShards(shards: readonly Shard[]): Buffer {
  const byTopic = Map.groupBy(shards, topicOf);
  const assignment = Object.fromEntries(
    [...byTopic].map(([topic, led]) => [
      topic,
      led.map((shard) => Number(shard.slice(topic.length + 1))),
    ]),
  );
  return MemberAssignment.encode({ version: 1, assignment });
}

function decodeShards(bytes: Buffer): readonly Shard[] {
  const decoded = MemberAssignment.decode(bytes);
  return Object.entries(decoded?.assignment ?? {}).flatMap(([topic, partitions]) =>
    partitions.map((partition) => shardOf(topic, partition)),
  );
}
