// One process from its start to its end: listen, become ready, stop on a signal in reverse order.

import { flushCompileCache } from 'node:module';
import type { Logger } from '@tidemark/ports';
import { SettingsMistakes } from '@tidemark/std';
import { Platform, type PlatformParts } from './platform.ts';
import type { ProcessSettings } from './process-settings.ts';
import { StartRefusal } from './start-refusal.ts';

/** What of a process others can reach. */
export interface Listening {
  readonly url: string;
  /** Lets requests finish, ends live ones, takes no new ones. */
  readonly stop: () => Promise<void>;
}

/** What a process does by itself, unasked. */
export type Background = (platform: Platform) => { readonly end: () => Promise<void> };

export interface ProcessPlan {
  readonly name: string;
  readonly listen: (platform: Platform) => Promise<Listening>;
  readonly background?: readonly Background[];
}

/** Resolves when the process was told to stop and has stopped. */
export async function runProcess(
  parts: PlatformParts,
  settings: ProcessSettings,
  { name, listen, background = [] }: ProcessPlan,
): Promise<void> {
  const { logger } = parts;
  exitOnCrash(logger);
  await using platform = new Platform(parts, {
    memoryBytesMax: settings.memoryMib * 1024 * 1024,
    isKeyless: settings.adminKey === undefined,
  });
  const told = toldToStop();
  const listening = await listen(platform);
  logger.info({ app: name, url: listening.url, pid: process.pid }, 'listening');
  const started = platform.start().then(() => {
    logger.info({ app: name }, 'ready');
    // Now rather than at its end: not every process comes to one.
    flushCompileCache();
  });
  const begun = background.map((begin) => begin(platform));
  const signal = await told;
  logger.info({ app: name, signal }, 'stopping');
  await listening.stop();
  await Promise.all(begun.map(({ end }) => end()));
  await platform[Symbol.asyncDispose]();
  await started;
  logger.info({ app: name }, 'stopped');
}

const toldToStop = (): Promise<string> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });

/** A broken invariant ends the process: whoever starts it again starts from what is durable. */
function exitOnCrash(logger: Logger): void {
  const crash = (cause: unknown): void => {
    logger.error({ err: cause }, 'crashed');
    process.exit(crashCode);
  };
  process.once('uncaughtException', crash);
  process.once('unhandledRejection', crash);
}

/** Runs an app's main: what is wrong with its settings or its place is said in full, and nothing is started. */
export async function main(run: () => Promise<void>): Promise<void> {
  try {
    await run();
    process.exit(0);
  } catch (cause) {
    const code = exitCodeOf(cause);
    const { message, stack } = cause as Error;
    process.stderr.write(`${code === crashCode ? String(stack) : message}\n`);
    process.exit(code);
  }
}

/** As sysexits.h has them. */
const crashCode = 70;

function exitCodeOf(cause: unknown): number {
  if (cause instanceof SettingsMistakes) return 64;
  return cause instanceof StartRefusal ? 69 : crashCode;
}
