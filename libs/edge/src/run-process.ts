// One process from its start to its end: listen, become ready, stop on a signal in reverse order.

import { flushCompileCache } from 'node:module';
import type { Logger } from '@tidemark/ports';
import { SettingsMistakes } from '@tidemark/std';
import { Platform, type PlatformParts } from './platform.ts';
import type { ProcessSettings } from './process-settings.ts';
import { type Role, serve } from './serve.ts';
import { listenAt, StartRefusal } from './start-refusal.ts';

export interface ProcessParts extends PlatformParts {
  readonly renderMetrics: () => Promise<string>;
  readonly failures?: () => Record<string, string>;
}

/** Resolves when the process was told to stop and has stopped. */
export async function runProcess(
  parts: ProcessParts,
  settings: ProcessSettings,
  { name, roles }: { readonly name: string; readonly roles: readonly Role[] },
): Promise<void> {
  const { logger } = parts;
  exitOnCrash(logger);
  await using platform = new Platform(parts, {
    memoryBytesMax: settings.memoryMib * 1024 * 1024,
    isKeyless: settings.adminKey === undefined,
  });
  const told = toldToStop();
  const address = `${settings.host}:${settings.port}`;
  const listening = await listenAt(address, () => serve(platform, { ...parts, roles }, settings));
  logger.info({ app: name, url: listening.url, pid: process.pid }, 'listening');
  const started = platform.start().then(() => {
    logger.info({ app: name }, 'ready');
    // Now rather than at its end: not every process comes to one.
    flushCompileCache();
  });
  const signal = await told;
  logger.info({ app: name, signal }, 'stopping');
  await listening.stop();
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
