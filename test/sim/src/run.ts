import { checkHistory, type Entry } from '@tidemark/checker';
import type { EventLog } from '@tidemark/ports';
import { SeededPrng } from '@tidemark/ports/testing';
import type { ShardFold } from '@tidemark/replica';
import { strike } from './disaster.ts';
import { Disturber } from './disturb.ts';
import { type Plan, planOf } from './plan.ts';
import { Publisher } from './publisher.ts';
import { Quiet } from './quiet.ts';
import { World } from './world.ts';

export interface Outcome {
  readonly plan: Plan;
  readonly history: readonly Entry[];
  /** What is wrong, one line each; none for a clean run. */
  readonly failures: readonly string[];
  readonly operations: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
}

export interface RunOptions {
  /** Takes something out of what the seed planned. */
  readonly reduce?: Partial<Plan>;
  readonly wrapLog?: (log: EventLog) => EventLog;
  readonly onFold?: (fold: ShardFold, isOld: boolean) => void;
}

/** Longer than a client with all its retries needs. */
const workMs = 240_000;

export function planned(seed: number, reduce: Partial<Plan> = {}): Plan {
  return { ...planOf(new SeededPrng(seed).fork('plan'), seed), ...reduce };
}

export async function run(seed: number, options: RunOptions = {}): Promise<Outcome> {
  const plan = planned(seed, options.reduce);
  const { wrapLog = (log) => log, onFold = () => undefined } = options;
  const world = new World({ plan, wrapLog, onFold });
  const release = hearUnhandled((cause) => world.sawUnhandled(cause));
  try {
    await live(world);
  } catch (cause) {
    world.sawUnhandled(cause);
  } finally {
    await end(world);
    release();
  }
  const { entries: history, operations } = world.recorder;
  const violations = checkHistory(history);
  const told = violations.map(({ check, session, message, ops }) => {
    return `${check} ${session}: ${message} (${ops.join(', ')})`;
  });
  const failures = [...world.broken, ...told];
  return { plan, history, failures, operations, faults: world.faultCounts };
}

async function live(world: World): Promise<void> {
  const { clock, plan } = world;
  const disturber = new Disturber(world);
  for (let index = 0; index < plan.processes; index += 1) world.start(index);
  disturber.start();
  const publisher = new Publisher(world);
  publisher.start();
  const work = Promise.all([world.clients(), world.workers(), world.runs.live()]);
  await clock.runUntil(Promise.race([work, world.elapsed(workMs)]));
  await disturber.rest();
  await clock.runUntil(Promise.race([work, world.elapsed(workMs)]));
  publisher.stop();
  await new Quiet(world).run();
  if (plan.disaster !== 'none') await strike(world);
  world.recorder.end();
}

async function end(world: World): Promise<void> {
  for (const incarnation of world.everStarted) {
    incarnation.crash();
    await incarnation.dispose();
  }
}

/** Takes rejections that nobody handles for itself, also from a test runner. */
function hearUnhandled(hear: (cause: unknown) => void): () => void {
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', hear);
  return () => {
    process.off('unhandledRejection', hear);
    for (const other of others) process.on('unhandledRejection', other);
  };
}
