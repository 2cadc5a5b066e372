// A process that is told to stop finishes its clients; none of them sees a connection break.

import { Agent, request } from 'node:http';
import { createSystemClock, Platform } from '@tidemark/platform';
import { silentLogger, silentMetrics } from '@tidemark/ports';
import { SeededPrng, SimulatedEventLog } from '@tidemark/ports/testing';
import { expect, test } from 'vitest';
import { type ListeningServer, serve } from './serve.ts';

async function listening(): Promise<{
  readonly server: ListeningServer;
  readonly platform: Platform;
}> {
  const simulated = new SimulatedEventLog({ clock: createSystemClock(), prng: new SeededPrng(1) });
  const parts = {
    log: simulated.connect('one'),
    clock: createSystemClock(),
    prng: new SeededPrng(2),
    logger: silentLogger,
    metrics: silentMetrics,
  };
  const platform = new Platform(parts, { memoryBytesMax: 1, isKeyless: true });
  const renderMetrics = (): Promise<string> => Promise.resolve('');
  // However slow the machine, nobody is cut off for being late.
  const settings = { host: '127.0.0.1', port: 0, drainMs: 60_000, lastWordMs: 60_000 };
  return { platform, server: await serve(platform, { roles: [], renderMetrics }, settings) };
}

/** Asks again and again over one connection, until it is told that this was the last time. */
async function client(port: number): Promise<'told' | 'broken'> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) {
    const connection = await new Promise<string | undefined>((resolve) => {
      const asked = request({ port, host: '127.0.0.1', path: '/healthz', agent }, (answer) => {
        answer.resume().once('end', () => resolve(answer.headers.connection));
      });
      asked.once('error', () => resolve(undefined));
      asked.end();
    });
    if (connection === undefined) return 'broken';
    if (connection === 'close') return 'told';
  }
}

test('clients that keep their connections busy are told which answer is their last', async () => {
  const { server, platform } = await listening();
  const clients = Array.from({ length: 50 }, () => client(server.port));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stopped = server.stop();
  expect(await Promise.all(clients)).toEqual(clients.map(() => 'told'));
  await stopped;
  await platform[Symbol.asyncDispose]();
});
