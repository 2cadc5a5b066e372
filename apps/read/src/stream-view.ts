import { isStart, Problem, type SessionName } from '@tidemark/protocol';
import {
  type FoldedSession,
  type FollowedPlace,
  type Located,
  type LocatedSession,
  positionIn,
  type ShardReplica,
  type Shards,
  streamOf,
  type Tenant,
} from '@tidemark/replica';
import type { SessionWrites } from '@tidemark/replica/write';
import {
  behindHead,
  liveStream,
  type Share,
  type StreamState,
  sharedStream,
} from '@tidemark/session';
import type { ReadStart } from './read-request.ts';

export interface ReadParts {
  readonly shards: Shards;
  readonly writes: SessionWrites;
}

interface OpenedView {
  readonly name: SessionName;
  readonly mustBeCurrent: boolean;
  readonly share?: Share | undefined;
}

/** A session as a reader sees it: folded at least as far as when the request arrived, and of it no more than a share. */
export class StreamView implements Disposable {
  readonly located: Located;
  readonly session: FoldedSession;
  readonly incarnation: string;
  /** False where the log could not be asked: what is served is true, and may not be all. */
  readonly isCurrent: boolean;
  readonly share: Share | undefined;
  readonly #parts: ReadParts;

  private constructor(
    parts: ReadParts,
    located: Located,
    opened: {
      readonly session: FoldedSession;
      readonly stream: StreamState;
      readonly isCurrent: boolean;
      readonly share: Share | undefined;
    },
  ) {
    this.#parts = parts;
    this.located = located;
    this.session = opened.session;
    this.incarnation = opened.stream.incarnation;
    this.isCurrent = opened.isCurrent;
    this.share = opened.share;
  }

  /** Throws the Problem where there is no such stream; a read renews a stream that lives by it. */
  static async open(
    parts: ReadParts,
    tenant: Tenant,
    { name, mustBeCurrent, share }: OpenedView,
  ): Promise<StreamView> {
    const located = parts.shards.locate(tenant, name);
    const { replica, key } = located;
    const isCurrent = mustBeCurrent ? await fold(replica) : await replica.readIndexIfAsked();
    const session = replica.tryHold(key) ?? (await replica.holdOne(key));
    try {
      const { stream } = session.state;
      if (stream?.ttlMs !== undefined || stream?.expiresAtMs !== undefined) {
        await parts.writes.renew(located, session.state);
      }
      const opened = liveStream(session.state);
      if (opened instanceof Problem) throw absence(opened, isCurrent);
      return new StreamView(parts, located, { session, stream: opened, isCurrent, share });
    } catch (cause) {
      replica.letGo(session);
      throw cause;
    }
  }

  /** The session may leave memory as far as this view goes. */
  [Symbol.dispose](): void {
    this.located.replica.letGo(this.session);
  }

  /** The stream as it is now, while it is the one that was opened. */
  get stream(): StreamState | undefined {
    const stream = streamOf(this.session, this.incarnation);
    return stream && this.share ? sharedStream(stream, this.share) : stream;
  }

  /** As `stream`, where its absence ends the request. */
  get present(): StreamState {
    const { stream } = this;
    if (stream === undefined) throw new Problem('session-not-found', 'deleted while it was read');
    return stream;
  }

  get source(): LocatedSession {
    return { replica: this.located.replica, session: this.session };
  }

  /** Where somebody begins to follow. */
  placeAt(position: number): FollowedPlace {
    const { source, incarnation, share } = this;
    const end = share === undefined ? {} : { endPosition: share.endSeq };
    return { ...source, incarnation, position, ...end };
  }

  async positionOf(start: ReadStart): Promise<number> {
    const stream = this.present;
    if (start.kind === 'now') return stream.tailPosition;
    const { head } = stream.aspects.keeping;
    if (start.kind === 'cursor' && isStart(start.offset)) return head.position;
    const position =
      start.kind === 'seq'
        ? await this.#positionOfSeq(stream, start.seq)
        : positionIn(stream, start.offset);
    if (position < head.position) throw behindHead(stream);
    if (position <= stream.tailPosition) return position;
    // A cursor beyond the fold of a process that cannot ask is nothing that it may judge.
    if (!this.isCurrent) throw new Problem('unavailable', 'the end of the log is not known');
    throw new Problem('invalid-offset', 'beyond the end of the session');
  }

  async #positionOfSeq(stream: StreamState, seq: number): Promise<number> {
    if (seq > stream.tailSeq) throw new Problem('invalid-offset', 'beyond the end of the session');
    if (stream.isJson) return seq;
    return this.#parts.shards.reader.positionOf(this.source, seq);
  }

  /** Renews a stream that lives by being read, for as long as it is read live. */
  renew(): Promise<void> {
    return this.#parts.writes.renew(this.located, this.session.state);
  }
}

async function fold(replica: ShardReplica): Promise<true> {
  await replica.readIndex();
  return true;
}

/** Who cannot ask the log may serve what there was, and may not say that there is nothing. */
const absence = (problem: Problem, isCurrent: boolean): Problem =>
  isCurrent ? problem : new Problem('unavailable', 'the end of the log is not known');
