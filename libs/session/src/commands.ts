import type { Problem } from '@tidemark/protocol';
import type { ForkOrigin, LineageEntry } from './config.ts';
import type { EventStamp } from './event-identity.ts';
import type { ProfilePatch } from './profile.ts';
import type { Draft, ProducerStamp } from './record.ts';
import type { SessionFact } from './session-facts.ts';
import type { OwedUnref, SessionState } from './state.ts';

/** Events to be written, and what is known of each: one an event, or none. */
export interface GivenEvents {
  /** As they are stored; of a stamped one what follows its head. */
  readonly events: readonly Uint8Array[];
  /** All of them with a comma between, where they came so: what is served of them is copied in one piece. */
  readonly joined?: Uint8Array | undefined;
  readonly stamps?: readonly EventStamp[] | undefined;
  readonly types?: readonly (string | undefined)[] | undefined;
  readonly notes?: readonly (string | undefined)[] | undefined;
  /** An event whose id the session knows is not appended again. */
  readonly eventIds?: readonly (string | undefined)[] | undefined;
}

export interface CreateCommand extends GivenEvents {
  readonly kind: 'create';
  /** As it was sent; undefined for a fork that takes its source's. */
  readonly contentType: string | undefined;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly isClosed: boolean;
  readonly fork?: ForkRequest;
  /** What it is made as, where it is more than a stream. */
  readonly profile?: ProfilePatch | undefined;
  /** What is said of it before its first event. */
  readonly facts?: readonly SessionFact[] | undefined;
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

export interface AppendCommand extends GivenEvents {
  readonly kind: 'append';
  /** Undefined when the body is empty: nothing is compared then. */
  readonly contentType: string | undefined;
  /** Close behind the events, or close only where there are none. */
  readonly close: boolean;
  readonly producer?: ProducerStamp | undefined;
  readonly streamSeq?: string | undefined;
  /** Append only while this is the tail's seq. */
  readonly matchSeq?: number | undefined;
  readonly key?: string | undefined;
  /** Where there is no such session, it is made. */
  readonly creates?: boolean | undefined;
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
  /** For whoever follows now. */
  | { readonly kind: 'preview'; readonly frames: Uint8Array }
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
) => /** `answer` is given once the records stand. */
  | { readonly kind: 'fact'; readonly fact: object; readonly answer: unknown }
  | { readonly kind: 'records'; readonly drafts: readonly Draft[]; readonly answer: unknown }
  | { readonly kind: 'answer'; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly problem: Problem };

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
      /** Of stamped events, each as it is stored, or the seq where it was already. */
      readonly stored?: readonly (Uint8Array | number)[] | undefined;
    }
  | { readonly kind: 'done'; readonly wrote: boolean }
  | { readonly kind: 'answer'; readonly answer: unknown };
