// What the load generator is asked to do, and what it answers. One order at a time.

import type { ProcessFigures } from '../process-figures.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

interface Measured {
  /** Whose processor time, memory and bytes are read at both ends of the window. */
  readonly pids: readonly number[];
  readonly warmMs: number;
  readonly forMs: number;
}

/** Each client appends to its own stream; a closed loop, or an open one at a fixed rate. */
export interface AppendOrder extends Measured {
  readonly kind: 'append';
  readonly targets: readonly Target[];
  readonly clients: number;
  readonly eventsPerAppend: number;
  readonly eventBytes: number;
  /** Appends a second over all clients. Absent: each sends as soon as it has its answer. */
  readonly perSecond?: number;
  /** In a closed loop: how long each client waits before it sends again. */
  readonly pauseMs?: number;
  /** The client's API key, where there are keys; client i takes key i modulo their count. */
  readonly keys?: readonly string[];
  /** Clients share so many streams instead of having one each. */
  readonly streams?: number;
  /** Named so instead of anew, so that streams of an earlier order are appended to. */
  readonly prefix?: string;
  /** A server that takes any POST: nothing is created first. */
  readonly isEcho?: boolean;
  /** One event that has a type, by either way into a session. */
  readonly surface?: 'stream' | 'sessions';
  /** Byte streams, each client a producer: as the protocol's own clients append. */
  readonly asProducers?: boolean;
}

/** Followers, spread evenly over the sessions, and a writer at a fixed rate. */
export interface FollowOrder extends Measured {
  readonly kind: 'follow';
  readonly write: Target;
  readonly read: Target;
  readonly followers: number;
  readonly sessions: number;
  /** By server-sent events, where nothing is said. */
  readonly over?: 'sse' | 'socket';
  /** Events a second over all sessions; 0 leaves them idle. */
  readonly perSecond: number;
  readonly eventBytes: number;
}

/** One follower that waits, one writer that wakes it; then again. */
export interface WakeOrder {
  readonly kind: 'wake';
  readonly pids: readonly number[];
  readonly write: Target;
  readonly read: Target;
  readonly live: 'long-poll' | 'sse';
  readonly warmCount: number;
  readonly count: number;
  readonly eventBytes: number;
}

/** Writes one session, for others to read. */
export interface FillOrder {
  readonly kind: 'fill';
  readonly pids: readonly number[];
  readonly target: Target;
  readonly sessions: readonly string[];
  readonly events: number;
  readonly eventsPerAppend: number;
  readonly eventBytes: number;
}

/** Clients that all read a session from its beginning at once; then again. */
export interface CatchUpOrder {
  readonly kind: 'catch-up';
  readonly pids: readonly number[];
  readonly target: Target;
  readonly session: string;
  readonly clients: number;
  readonly warmCount: number;
  readonly count: number;
  /** Instead of a count: again and again for so long. */
  readonly forMs?: number;
  readonly bytesMin: number;
}

export type Order = AppendOrder | FollowOrder | WakeOrder | FillOrder | CatchUpOrder;

export interface LoadResult {
  /** Microseconds, HDR, compressed, base64. */
  readonly latency: string;
  /** From the same run: the answer to the append, where `latency` is of a delivery. */
  readonly append?: string;
  /** How late an open loop's sends were begun, because of the generator itself. */
  readonly lateness?: string;
  /** What was measured, in the unit of the order: appends, deliveries, reads. */
  readonly count: number;
  readonly expected?: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly seconds: number;
  readonly bytes?: number;
  /** Share of the window in which the generator's event loop was busy. */
  readonly generatorBusy: number;
  readonly generatorCpuSeconds: number;
  /** In the order of `pids`. */
  readonly before: readonly ProcessFigures[];
  readonly after: readonly ProcessFigures[];
  /** Before the connections were made, where they are what is measured. */
  readonly unconnected?: readonly ProcessFigures[];
}
