import type { ForkOrigin, LineageEntry } from './config.ts';
import type { ProducerStamp } from './record.ts';
import type { OwedUnref, SessionState } from './state.ts';

export interface CreateCommand {
  readonly kind: 'create';
  /** As it was sent; undefined for a fork that takes its source's. */
  readonly contentType: string | undefined;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly isClosed: boolean;
  readonly events: readonly Uint8Array[];
  readonly fork?: ForkRequest;
}

/** A fork whose reference is already held by its source. */
export interface ForkRequest {
  readonly origin: ForkOrigin;
  readonly lineage: readonly LineageEntry[];
  readonly incarnation: string;
  /** What the source has, for what the request leaves out. */
  readonly contentType: string;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

export interface AppendCommand {
  readonly kind: 'append';
  /** Undefined when the body is empty: nothing is compared then. */
  readonly contentType: string | undefined;
  readonly events: readonly Uint8Array[];
  /** Close behind the events, or close only where there are none. */
  readonly close: boolean;
  readonly producer?: ProducerStamp | undefined;
  readonly streamSeq?: string | undefined;
  /** Append only while this is the tail's seq. */
  readonly matchSeq?: number | undefined;
  readonly key?: string | undefined;
  /** One an event, or none; an event whose id the session knows is not appended again. */
  readonly eventIds?: readonly string[] | undefined;
}

export type Command =
  | CreateCommand
  | AppendCommand
  | { readonly kind: 'delete' }
  /** Stands only when the session is due by the writer's clock. */
  | { readonly kind: 'expire' }
  | { readonly kind: 'touch' }
  | {
      readonly kind: 'ref';
      readonly fork: string;
      readonly forkIncarnation: string;
      readonly incarnation: string;
    }
  | { readonly kind: 'unref'; readonly forkIncarnation: string; readonly incarnation: string }
  | { readonly kind: 'burn'; readonly forkIncarnation: string }
  | { readonly kind: 'settle'; readonly owed: OwedUnref }
  /** Begins a log, and its shard at a level. */
  | { readonly kind: 'genesis'; readonly level: number }
  | { readonly kind: 'level'; readonly level: number }
  | {
      readonly kind: 'fact';
      readonly decide: FactDecision;
      /** What the fact may come to, where it is more than a few hundred. */
      readonly bytes?: number;
    };

/** Decides a reserved session's next fact on its state; it may be decided again, on a newer one. */
export type FactDecision = (
  state: SessionState,
  context: { readonly nowMs: number; readonly level: number },
) => /** `answer` is given once the fact stands. */
  | { readonly kind: 'fact'; readonly fact: object; readonly answer: unknown }
  | { readonly kind: 'answer'; readonly answer: unknown };

export type Reply =
  | {
      readonly kind: 'created';
      readonly isNew: boolean;
      readonly contentType: string;
      readonly isClosed: boolean;
      readonly nextOffset: string;
    }
  | {
      readonly kind: 'appended';
      readonly firstSeq: number;
      readonly endSeq: number;
      readonly nextOffset: string;
      readonly isDuplicate: boolean;
      readonly isClosed: boolean;
      /** The producer's newest accepted sequence. */
      readonly producer: ProducerStamp | undefined;
    }
  | { readonly kind: 'done'; readonly wrote: boolean }
  | { readonly kind: 'answer'; readonly answer: unknown };
