#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import type { Writable } from 'node:stream';
import type { EventLog } from '@tidemark/ports';
import type { Output } from './environment.ts';

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

// What is imported from here on is compiled once, not with every command.
enableCompileCache();
const { run } = await import('./run.ts');

// A reader that has had enough, `head` say, ends the command and is no mistake.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code === 'EPIPE') process.exit(0);
  throw cause;
});

function outputTo(stream: Writable, isTerminal: boolean): Output {
  const write = (text: string): Promise<void> =>
    new Promise((resolve) => {
      stream.write(text, () => resolve());
    });
  return { isTerminal, write };
}

const hasColours = process.env['NO_COLOR'] === undefined;

/** Loaded where it is asked for: most commands speak HTTP alone. */
async function openLog(): Promise<EventLog> {
  const { kafkaDeclarations, kafkaSettingsOf, openKafkaLog } = await import('@tidemark/kafka');
  const { createSystemClock, createSystemPrng } = await import('@tidemark/platform');
  const { silentLogger, silentMetrics } = await import('@tidemark/ports');
  const { readSettings } = await import('@tidemark/std');
  const prefix = 'TIDEMARK_KAFKA_';
  const ofKafka = Object.entries(process.env).filter(([name]) => name.startsWith(prefix));
  const settings = readSettings(kafkaDeclarations, prefix, Object.fromEntries(ofKafka));
  const parts = {
    clock: createSystemClock(),
    prng: createSystemPrng(),
    logger: silentLogger,
    metrics: silentMetrics,
  };
  return openKafkaLog(parts, kafkaSettingsOf(settings));
}

process.exitCode = await run({
  args: process.argv.slice(2),
  env: process.env,
  home: homedir(),
  stdin: process.stdin,
  out: outputTo(process.stdout, process.stdout.isTTY === true && hasColours),
  err: outputTo(process.stderr, process.stderr.isTTY === true),
  signal: ending.signal,
  nowMs: () => Date.now(),
  timeMsOf: (text) => {
    const atMs = Date.parse(text);
    return Number.isNaN(atMs) ? undefined : atMs;
  },
  timeTextOf: (atMs) => new Date(atMs).toISOString(),
  nodeVersion: process.version,
  openLog,
});
