// More sessions than a server may keep in memory: memory stays near its budget, and every session
// answers as if it had stayed, before and after the server was killed. TIDEMARK_SESSIONS=1000000
// runs it with a million; its figures are in docs/PERFORMANCE.md.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppProcess, startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { json, send, textOf } from './http-client.ts';
import { mib, residentBytes } from './memory.ts';

const count = Number(process.env['TIDEMARK_SESSIONS'] ?? 12_000);
/** A fraction of what so many sessions take. */
const memoryMib = Math.max(4, Math.round(count / 4_000));
const clients = 48;
const asked = 400;
const refusedMax = 30;
/** What a server takes beside its budget: see docs/OPERATIONS.md. */
const baseMib = 700;

const at = (app: AppProcess, index: number): string => `${app.url}/v1/stream/cold/${index}`;
/** Spread over all, each time the same. */
const someOf = (part: number): number => Math.floor((part * count) / asked);

async function together(work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: clients }, run));
}

async function expectAll(app: AppProcess, more: (index: number) => string): Promise<void> {
  for (let part = 0; part < asked; part += 1) {
    const index = someOf(part);
    const answer = await send(at(app, index));
    expect(`${answer.status} ${textOf(answer)}`).toBe(`200 [{"n":${index}}${more(index)}]`);
    expect(answer.headers['stream-up-to-date']).toBe('true');
  }
  expect((await send(at(app, count))).status).toBe(404);
}

/** Again where the server has no room at this moment; says how often that was. */
async function make(app: AppProcess, index: number): Promise<number> {
  for (let refused = 0; ; refused += 1) {
    const body = `{"n":${index}}`;
    const answer = await send(at(app, index), { method: 'PUT', headers: json, body });
    if (answer.status === 503 && refused < refusedMax) {
      console.log(`measured: refused: ${textOf(answer)}`);
      await delay(1_000);
      continue;
    }
    expect(`${answer.status} ${textOf(answer)}`).toBe(`201 `);
    return refused;
  }
}

const gauge = async (app: AppProcess, name: string): Promise<number> => {
  const page = textOf(await send(`${app.url}/metrics`));
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
};

test('sessions that no longer fit into memory answer as those that do', {
  timeout: 3_600_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-residency-'));
  const env = {
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_MEMORY_MIB: String(memoryMib),
  };
  const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder, env });
  const producer = { 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '0' };
  {
    await using app = await start();
    let refused = 0;
    await together(async (index) => {
      refused += await make(app, index);
    });
    // A disk that stands still for seconds refuses some: those who come again are taken.
    expect(refused).toBeLessThan(count / 20);
    const memory = await residentBytes(app.pid);
    const sessions = await gauge(app, 'tidemark_replica_session_bytes');
    console.log(
      `measured: ${count} sessions, budget ${memoryMib} MiB: ${mib(memory)} resident, ` +
        `${mib(sessions)} of sessions`,
    );
    expect(sessions).toBeLessThanOrEqual(1.1 * memoryMib * 1_048_576);
    expect(memory).toBeLessThanOrEqual((baseMib + 2 * memoryMib) * 1_048_576);
    await expectAll(app, () => '');
    for (let part = 0; part < asked; part += 1) {
      const headers = { ...json, ...producer };
      const { status } = await send(at(app, someOf(part)), { method: 'POST', headers, body: '1' });
      expect(status).toBe(200);
    }
    app.kill('SIGKILL');
    await app.ended;
  }
  await using app = await start();
  await expectAll(app, () => ',1');
  // What a session remembered of its producer came back with it.
  const headers = { ...json, ...producer };
  for (const part of [0, asked / 2, asked - 1]) {
    const { status } = await send(at(app, someOf(part)), { method: 'POST', headers, body: '1' });
    expect(status).toBe(204);
  }
  const renewed = at(app, someOf(1));
  expect((await send(renewed, { method: 'DELETE' })).status).toBe(204);
  expect((await send(renewed)).status).toBe(404);
  expect((await send(renewed, { method: 'PUT', headers: json, body: '"again"' })).status).toBe(201);
  expect(textOf(await send(renewed))).toBe('["again"]');
  const fork = { ...json, 'stream-forked-from': `/v1/stream/cold/${someOf(2)}` };
  const forked = await send(`${app.url}/v1/stream/fork`, { method: 'PUT', headers: fork });
  expect(forked.status).toBe(201);
  expect(textOf(await send(`${app.url}/v1/stream/fork`))).toBe(`[{"n":${someOf(2)}},1]`);
});
