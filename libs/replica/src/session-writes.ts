// The write door to sessions, for whoever serves a protocol over them.
//
// (1) A fork's reference is held by its source before its create is written; it is given back only where
//     the create certainly will not stand.
// (2) A touch or an expiry is written once at a time for a session; a read lives by one that was decided
//     late enough for it.
// (3) What is answered of a repeated append is where its events lie, found by their seqs.

import {
  hasCode,
  isProblem,
  isStart,
  limits,
  mediaTypeOf,
  Problem,
  parseCursor,
  type SessionName,
} from '@tidemark/protocol';
import {
  type AppendCommand,
  behindHead,
  type Command,
  type CreateCommand,
  createdReply,
  cursorAt,
  type ForkRequest,
  isDue,
  isSameConfig,
  liveStream,
  needsTouch,
  type Reply,
  type SessionState,
  type StreamState,
  tagAt,
} from '@tidemark/session';
import { CreationQuotas } from './creation-quotas.ts';
import { type DebtSettings, Debts } from './debts.ts';
import { Expiries, type ExpirySettings } from './expiries.ts';
import { positionIn } from './positions.ts';
import type { LocatedSession } from './session-reader.ts';
import type { Located, Shards } from './shards.ts';
import type { Tenant } from './tenants.ts';
import type { Writers } from './writers.ts';

export type Created = Extract<Reply, { kind: 'created' }>;
export type Appended = Extract<Reply, { kind: 'appended' }>;

/** Where a fork leaves its source, as it was asked for. */
export interface ForkPoint {
  readonly source: SessionName;
  /** A cursor of the source; its tail where there is none. */
  readonly offset: string | undefined;
  readonly subOffset: number;
}

export type CreateRequest = Omit<CreateCommand, 'kind' | 'fork'> & {
  readonly fork: ForkPoint | undefined;
};

/** A fork may lose its name, or its source, to others while it is made; then it starts again. */
const forkAttemptsMax = 4;

/** Of what is done without a request. */
export interface SessionWritesSettings {
  readonly debts?: DebtSettings;
  readonly expiries?: ExpirySettings;
}

export class SessionWrites {
  readonly #shards: Shards;
  readonly #writers: Writers;
  readonly #debts: Debts;
  readonly #expiries: Expiries;
  readonly #creations: CreationQuotas;
  /** One at a time for each session: whoever finds one under way awaits it. */
  readonly #renewals = new Map<string, Promise<unknown>>();

  constructor(shards: Shards, writers: Writers, settings: SessionWritesSettings = {}) {
    this.#shards = shards;
    this.#writers = writers;
    this.#debts = new Debts(shards, writers, settings.debts);
    this.#expiries = new Expiries(shards, writers, settings.expiries);
    this.#creations = new CreationQuotas(shards.parts.clock);
  }

  append(tenant: Tenant, name: string, command: AppendCommand): Promise<Appended> {
    const tooLarge = sizeRefusal(tenant, command.events);
    if (tooLarge !== undefined) return Promise.reject(tooLarge);
    if (command.creates !== true) return this.#append(tenant, name, command);
    return this.#counting(tenant, name, () => this.#appendOrBegin(tenant, name, command));
  }

  /** Where the session's time was over, that is written down now: what was sent begins it anew. */
  async #appendOrBegin(tenant: Tenant, name: string, command: AppendCommand): Promise<Appended> {
    try {
      return await this.#append(tenant, name, command);
    } catch (cause) {
      if (!isProblem(cause) || !hasCode(cause, 'session-not-found')) throw cause;
      return this.#append(tenant, name, command);
    }
  }

  async #append(tenant: Tenant, name: string, command: AppendCommand): Promise<Appended> {
    const located = this.#shards.locate(tenant, name);
    const reply = await this.#writers.of(located.replica).submit(located.key, command);
    if (reply.kind !== 'appended') {
      throw new Problem('internal', 'an append was answered with something else');
    }
    return reply.isDuplicate ? this.#placed(located, reply) : reply;
  }

  /**
   * The fold knows a repeated append by its seqs. Its position in a byte stream is found by them: a
   * client that reads on from there misses nothing.
   */
  #placed({ replica, key }: Located, reply: Appended): Promise<Appended> {
    return replica.with(key, async (session) => {
      const { stream } = session.state;
      if (stream === undefined || stream.isJson) return reply;
      const { position: toldPosition, tag } = parseCursor(reply.nextOffset);
      if (reply.endSeq >= stream.tailSeq || tagAt(stream, toldPosition) !== tag) return reply;
      const located = { replica, session };
      const position = await this.#shards.reader.positionOf(located, reply.endSeq);
      return { ...reply, nextOffset: cursorAt(stream, position) };
    });
  }

  submit(tenant: Tenant, name: string, command: Command): Promise<Reply> {
    const { replica, key } = this.#shards.locate(tenant, name);
    return this.#writers.of(replica).submit(key, command);
  }

  async delete(tenant: Tenant, name: string, command: Command = { kind: 'delete' }): Promise<void> {
    await this.submit(tenant, name, command);
    try {
      await this.#debts.pay(tenant, name);
    } catch (cause) {
      // The delete stands, and whoever folds it pays what is still owed.
      if (!isProblem(cause)) throw cause;
    }
  }

  /**
   * What a read owes a session that lives by being read: a touch, where the last is too long ago.
   * Where the session's time is over, that is written down, and it is not there.
   */
  async renew(located: Located, state: SessionState): Promise<void> {
    const nowMs = this.#shards.parts.clock.nowMs();
    const name = `${located.replica.shard} ${located.key}`;
    // What was under way may have been decided too long before this read for it to live by that.
    for (;;) {
      const kind = renewalOf(state, nowMs);
      if (kind === undefined) return;
      const underWay = this.#renewals.get(name);
      if (underWay === undefined) return this.#renew(located, name, kind);
      await underWay;
    }
  }

  async #renew(located: Located, name: string, kind: 'expire' | 'touch'): Promise<void> {
    const renewal = this.#writers.of(located.replica).submit(located.key, { kind });
    this.#renewals.set(name, renewal);
    try {
      await renewal;
    } finally {
      this.#renewals.delete(name);
    }
  }

  async create(tenant: Tenant, name: string, request: CreateRequest): Promise<Created> {
    const tooLarge = sizeRefusal(tenant, request.events);
    if (tooLarge !== undefined) throw tooLarge;
    return this.#counting(tenant, name, () => this.#create(tenant, name, request));
  }

  /** Of what makes a session unless it is there: how often a tenant does that has a bound. */
  async #counting<T>(tenant: Tenant, name: string, work: () => Promise<T>): Promise<T> {
    const isBounded = tenant.quotas.sessionsPerHour !== undefined && !name.startsWith('$');
    if (!isBounded || (await this.#isThere(tenant, name))) return work();
    const refusal = this.#creations.refusalOf(tenant);
    if (refusal !== undefined) throw refusal;
    const reply = await work();
    this.#creations.count(tenant);
    return reply;
  }

  async #isThere(tenant: Tenant, name: string): Promise<boolean> {
    const { replica, key } = this.#shards.locate(tenant, name);
    await replica.readIndex();
    return replica.with(key, ({ state }) => state.stream !== undefined);
  }

  async #create(tenant: Tenant, name: string, request: CreateRequest): Promise<Created> {
    const { fork, ...rest } = request;
    const command: CreateCommand = { ...rest, kind: 'create' };
    if (fork === undefined) return created(await this.submit(tenant, name, command));
    for (let attempt = 1; attempt <= forkAttemptsMax; attempt += 1) {
      const target = this.#shards.locate(tenant, name);
      const existing = await this.#existing(target, { command, fork });
      if (existing !== undefined) return existing;
      const reply = await this.#fork(target, { command, fork });
      if (reply !== undefined) return reply;
    }
    throw new Problem('unavailable', 'the name of the fork keeps changing hands');
  }

  /** What is at the fork's name already: the same fork, or a conflict. */
  async #existing(target: Located, intent: ForkIntent): Promise<Created | undefined> {
    await target.replica.readIndex();
    return target.replica.with(target.key, ({ state }) => this.#sameFork(state, intent));
  }

  #sameFork(state: SessionState, { command, fork }: ForkIntent): Created | undefined {
    if (state.life === 'gone') throw new Problem('session-exists', 'deleted, its forks live on');
    const { stream } = state;
    if (stream === undefined) return undefined;
    if (isDue(state, this.#shards.parts.clock.nowMs())) return undefined;
    const { origin } = stream;
    if (origin?.source === fork.source) {
      const { offset, subOffset } = fork;
      const isExplicit = offset !== undefined;
      const position = isExplicit ? cursorPosition(offset) + subOffset : origin.position;
      const asked = { ...origin, isExplicit, position };
      // What the request leaves out, the first create took from the source: it is as it is here.
      const { contentType, ttlMs, expiresAtMs, lineage, incarnation } = stream;
      const inherited = { contentType, ttlMs, expiresAtMs, lineage, incarnation, origin: asked };
      if (isSameConfig(stream, { ...command, fork: inherited })) {
        return createdReply(stream, { isNew: false, isClosed: stream.isClosed });
      }
    }
    throw new Problem('session-exists', 'exists with another configuration');
  }

  /** First the reference into the source, then the create. Undefined where the name was taken. */
  async #fork(target: Located, { command, fork }: ForkIntent): Promise<Created | undefined> {
    const { tenant, name } = target;
    const source = this.#shards.locate(tenant, fork.source);
    await source.replica.readIndex();
    await this.endWhereDue(source);
    const request = await source.replica.with(source.key, (session) =>
      this.#resolve({ replica: source.replica, session }, { command, fork }),
    );
    const { incarnation: forkIncarnation } = request;
    const { incarnation } = request.origin;
    const ref = { kind: 'ref', fork: name, forkIncarnation, incarnation } as const;
    await this.#writers.of(source.replica).submit(source.key, ref);
    const unref = { kind: 'unref', forkIncarnation, incarnation } as const;
    try {
      const reply = created(
        await this.#writers.of(target.replica).submit(target.key, { ...command, fork: request }),
      );
      if (reply.isNew) return reply;
    } catch (cause) {
      // Where the create may still stand, the reference has to.
      if (isProblem(cause) && cause.kind.effect === 'none') {
        await this.#writers.of(source.replica).submit(source.key, unref);
      }
      if (isProblem(cause) && hasCode(cause, 'session-exists')) return undefined;
      throw cause;
    }
    await this.#writers.of(source.replica).submit(source.key, unref);
    return undefined;
  }

  async #resolve(source: LocatedSession, { command, fork }: ForkIntent): Promise<ForkRequest> {
    const stream = liveSource(source.session.state);
    const { contentType } = command;
    if (contentType !== undefined && mediaTypeOf(contentType) !== mediaTypeOf(stream.contentType)) {
      throw new Problem('content-type-mismatch', 'the source has another content type');
    }
    const depth = (stream.origin?.depth ?? 0) + 1;
    if (depth > limits.forkDepthMax) throw new Problem('invalid-request', 'too many forks deep');
    const position = await this.#forkPosition(source, stream, fork);
    const { head } = stream.aspects.keeping;
    if (position < head.position) throw behindHead(stream);
    const seq = await this.#shards.reader.seqAfter(source, position);
    const { incarnation, ttlMs, expiresAtMs } = stream;
    const isExplicit = fork.offset !== undefined;
    return {
      origin: {
        source: fork.source,
        incarnation,
        position,
        seq,
        isExplicit,
        depth,
        ...(head.seq > 0 && { head }),
      },
      lineage: [
        ...stream.lineage.filter(({ endPosition }) => endPosition < position),
        { endPosition: position, tag: tagAt(stream, position) },
      ],
      incarnation: this.#writers.newId(),
      contentType: stream.contentType,
      ttlMs,
      expiresAtMs,
    };
  }

  /** Who finds a session's time over writes that down, so that everybody else finds the same. */
  async endWhereDue({ replica, key }: Located): Promise<void> {
    await this.#expiries.endWhereDue(replica, key);
  }

  async #forkPosition(
    located: LocatedSession,
    stream: StreamState,
    { offset, subOffset }: ForkPoint,
  ): Promise<number> {
    const anchor = offset === undefined ? stream.tailPosition : positionIn(stream, offset);
    const position = anchor + subOffset;
    if (anchor > stream.tailPosition || position > stream.tailPosition) {
      throw new Problem('invalid-offset', 'beyond the end of the source');
    }
    if (subOffset > 0 && !stream.isJson) {
      const boundary = await this.#shards.reader.boundaryAfter(located, anchor);
      if (position > boundary) throw new Problem('invalid-offset', 'beyond the next boundary');
    }
    return position;
  }
}

function sizeRefusal({ quotas }: Tenant, events: readonly Uint8Array[]): Problem | undefined {
  const { eventBytes } = quotas;
  if (eventBytes === undefined || events.every(({ length }) => length <= eventBytes)) {
    return undefined;
  }
  return new Problem('too-large', 'an event is over the tenant’s quota', {
    facts: { limit: 'eventBytes', limitBytes: eventBytes },
  });
}

function renewalOf(state: SessionState, nowMs: number): 'expire' | 'touch' | undefined {
  if (state.stream === undefined) return undefined;
  if (isDue(state, nowMs)) return 'expire';
  return needsTouch(state.stream, nowMs) ? 'touch' : undefined;
}

interface ForkIntent {
  readonly command: CreateCommand;
  readonly fork: ForkPoint;
}

function liveSource(state: SessionState): StreamState {
  if (state.life === 'gone') {
    throw new Problem('fork-source-gone', 'the source is deleted, its forks live on');
  }
  const stream = liveStream(state);
  if (stream instanceof Problem) throw stream;
  return stream;
}

function created(reply: Reply): Created {
  if (reply.kind === 'created') return reply;
  throw new Problem('internal', 'a create was answered with something else');
}

const cursorPosition = (offset: string): number =>
  isStart(offset) ? 0 : parseCursor(offset).position;
