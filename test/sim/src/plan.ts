// What a run is made of: drawn from its seed, and reducible, so that a failure can be shrunk.

import type { FaultKind, SeededPrng } from '@tidemark/ports/testing';
import type { PublicationFaults } from '@tidemark/replica/testing';
import type { TieringSettings } from '@tidemark/segments/publish';

/** What happens to the world while clients are at work. */
export const disturbances = [
  'crash',
  'pause',
  'fail-over',
  'clock-jump',
  'foreign',
  'nonsense',
  'shutdown',
  'zombie',
  'level',
  'reconnect',
  /** A process dies with the create of a fork on its way, which arrives long after. */
  'abandon',
] as const;

export type Disturbance = (typeof disturbances)[number];

/** What ends a shard for everybody, told at the very end. */
export type Disaster = 'none' | 'foreign-epoch' | 'log-lost' | 'log-replaced' | 'log-trimmed';

export interface Plan {
  readonly seed: number;
  readonly processes: number;
  readonly clients: number;
  readonly operations: number;
  readonly partitions: number;
  /** How many of the known names are used: the fewer, the more they are fought for. */
  readonly names: number;
  readonly memoryBytesMax: number;
  readonly queueCountMax: number;
  readonly deadlineMs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly disturbances: readonly Disturbance[];
  readonly disturbEveryMs: number;
  readonly deposedBoundsRate: number;
  readonly deposedMs: number;
  readonly lateMs: number;
  /** Answers may take that long, while what they tell grows old. */
  readonly replyMsMax: number;
  /** How far readers may lag. */
  readonly readMsMax: number;
  /** How long a batch may be at its leader alone. */
  readonly replicationMsMax: number;
  /** When a fork that was announced is given up. */
  readonly abandonAfterMs: number;
  readonly isExpiring: boolean;
  readonly isForking: boolean;
  /** Events so large that few fit into one batch. */
  readonly isLarge: boolean;
  /** The log sometimes has no room, or no permission. */
  readonly isFull: boolean;
  /** Enough producers and time for the windows to forget some. */
  readonly isForgetting: boolean;
  /** One process is of an older release. */
  readonly hasOldRelease: boolean;
  readonly disaster: Disaster;
  /** How many there may be; without any, no process carries a relay. */
  readonly subscriptions: number;
  /** Sessions whose turns workers run, and whose events are delivered. */
  readonly runs: number;
  /** How often somebody publishes what it has folded; 0 for never. */
  readonly publishEveryMs: number;
  /** What is published is late, and sometimes cannot be had. */
  readonly publicationFaults: PublicationFaults;
  /** Events go into segments, and the log is trimmed behind them; undefined where it keeps all. */
  readonly tiering: TieringSettings | undefined;
  /** Sessions have many who follow them. */
  readonly isFollowed: boolean;
  /** Sessions are started, paused, ended, and may take in so much. */
  readonly hasLives: boolean;
  /** Some follow several sessions over one socket. */
  readonly hasSockets: boolean;
}

const disasters: readonly Disaster[] = ['foreign-epoch', 'log-lost', 'log-replaced', 'log-trimmed'];

const pick = <T>(prng: SeededPrng, items: readonly T[]): T => items[prng.below(items.length)] as T;

export function planOf(prng: SeededPrng, seed: number): Plan {
  const faultScale = pick(prng, [0, 0.5, 1, 1, 2]);
  const isCalm = prng.chance(0.1);
  const plan = {
    seed,
    processes: 2 + prng.below(3),
    clients: 2 + prng.below(5),
    operations: 60 + prng.below(160),
    partitions: 1 + prng.below(3),
    names: 2 + prng.below(6),
    memoryBytesMax: pick(prng, [1_024, 3_000, 8_192, 1_048_576]),
    queueCountMax: pick(prng, [3, 16_384, 16_384]),
    deadlineMs: pick(prng, [300, 2_000, 10_000]),
    faults: {
      before: 0.03 * faultScale,
      'lost-request': 0.02 * faultScale,
      'lost-reply': 0.03 * faultScale,
      late: 0.03 * faultScale,
      twice: 0.05 * faultScale,
    },
    disturbances: isCalm ? [] : disturbances.filter(() => prng.chance(0.7)),
    disturbEveryMs: pick(prng, [40, 120, 400]),
    deposedBoundsRate: pick(prng, [0, 0, 0.3]),
    deposedMs: pick(prng, [50, 1_000]),
    lateMs: pick(prng, [100, 1_500, 8_000]),
    replyMsMax: pick(prng, [2, 2, 30]),
    readMsMax: pick(prng, [3, 3, 60]),
    replicationMsMax: pick(prng, [3, 3, 40]),
    abandonAfterMs: pick(prng, [500, 3_000]),
    isExpiring: prng.chance(0.5),
    isForking: prng.chance(0.6),
    isLarge: prng.chance(0.015),
    isFull: prng.chance(0.15),
    isForgetting: prng.chance(0.04),
    hasOldRelease: prng.chance(0.08),
    disaster: prng.chance(0.12) ? pick(prng, disasters) : 'none',
    subscriptions: prng.chance(0.5) ? 1 + prng.below(3) : 0,
  };
  // A lost log is told by what was folded of it; what is published would be lost with it.
  const isPublished = plan.disaster === 'none' && prng.chance(0.7);
  return {
    ...plan,
    publishEveryMs: isPublished ? pick(prng, [20, 60, 250]) : 0,
    publicationFaults: {
      delayMsMax: pick(prng, [0, 5, 60]),
      failsOneIn: pick(prng, [0, 0, 8, 30]),
    },
    tiering: prng.chance(0.5)
      ? {
          segmentBytes: pick(prng, [200, 2_000, 100_000]),
          everyMs: pick(prng, [200, 1_000]),
          keepBytes: pick(prng, [0, 0, 1_000]),
          graceMs: pick(prng, [500, 3_000]),
          eraseAfterMs: pick(prng, [500, 5_000]),
        }
      : undefined,
    isFollowed: prng.chance(0.3),
    hasLives: prng.chance(0.3),
    hasSockets: prng.chance(0.3),
    runs: prng.chance(0.3) ? 1 + prng.below(2) : 0,
  };
}
