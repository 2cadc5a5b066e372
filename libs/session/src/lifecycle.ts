// A session's life in one word, and what may be done to it in each.
//
// open     -> active    start     (or the first event that says it runs)
// open, active, resumed -> paused    pause
// paused   -> resumed   resume
// resumed  -> active    start     (or an event that says it runs)
// any but closed, archived -> closed    end
// any but archived, running        -> archived  archive
//
// A session that waits for a person is paused as well, without anybody having paused it: what it waits
// for moves it on.

import type { Activity } from './activity.ts';

export type LifecycleWord = 'open' | 'active' | 'paused' | 'resumed' | 'closed' | 'archived';
export type LifecycleAct = 'start' | 'pause' | 'resume' | 'end' | 'archive';

export const lifecycleActs: readonly LifecycleAct[] = [
  'start',
  'pause',
  'resume',
  'end',
  'archive',
];

export interface Lifecycle {
  /** By its owner. */
  readonly hold: 'paused' | 'resumed' | undefined;
  readonly isStarted: boolean;
  readonly endedAtMs: number | undefined;
  readonly archivedAtMs: number | undefined;
}

export const unstarted: Lifecycle = {
  hold: undefined,
  isStarted: false,
  endedAtMs: undefined,
  archivedAtMs: undefined,
};

interface Living {
  readonly lifecycle: Lifecycle;
  readonly activity: Activity;
}

export function lifecycleWord({ lifecycle, activity }: Living, isClosed: boolean): LifecycleWord {
  if (lifecycle.archivedAtMs !== undefined) return 'archived';
  if (isClosed || activity.status === 'terminated') return 'closed';
  if (lifecycle.hold === 'paused') return 'paused';
  const isRunning = activity.status === 'running' || activity.status === 'rescheduling';
  if (isRunning) return 'active';
  if (activity.pending.length > 0) return 'paused';
  if (lifecycle.hold === 'resumed') return 'resumed';
  return lifecycle.isStarted || activity.startedAtMs !== undefined ? 'active' : 'open';
}

/** From where each may be done. */
const froms: Readonly<Record<LifecycleAct, readonly LifecycleWord[]>> = {
  start: ['open', 'resumed'],
  pause: ['open', 'active', 'resumed'],
  resume: ['paused'],
  end: ['open', 'active', 'paused', 'resumed'],
  archive: ['open', 'active', 'paused', 'resumed', 'closed'],
};

/** What may be done to a session in this state. One that runs can be ended, and not archived. */
export function possibleActs(word: LifecycleWord, { activity }: Living): readonly LifecycleAct[] {
  const isRunning = activity.status === 'running' || activity.status === 'rescheduling';
  return lifecycleActs.filter(
    (act) => froms[act].includes(word) && !(act === 'archive' && isRunning && word !== 'closed'),
  );
}

export function acted(lifecycle: Lifecycle, act: LifecycleAct, timeMs: number): Lifecycle {
  switch (act) {
    case 'start':
      return { ...lifecycle, isStarted: true, hold: undefined };
    case 'pause':
      return { ...lifecycle, hold: 'paused' };
    case 'resume':
      return { ...lifecycle, hold: 'resumed' };
    case 'end':
      return { ...lifecycle, endedAtMs: timeMs };
    case 'archive':
      return { ...lifecycle, archivedAtMs: timeMs };
  }
}
