import type { Incarnation } from './incarnation.ts';

/** Somebody who follows a session, by whatever it is told over. */
export interface Following {
  readonly process: Incarnation;
  /** At the end of a quiet time: it has been told everything, or it was never woken. */
  finish(idleFrom: number): void;
  /** Behind a disaster: whoever still follows does so on a shard that goes on. */
  outlive(): void;
  /** The client goes away. */
  leave(): void;
}
