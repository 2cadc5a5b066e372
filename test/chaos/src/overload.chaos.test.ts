import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { overloadText, runOverload } from './overload-run.ts';

test('what is too much is refused with a time to come back, and the server stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-overload-'));
  await using server = await startApp({
    app: 'server',
    index: 0,
    folder,
    env: { TIDEMARK_DATA_DIR: join(folder, 'data') },
  });
  const { host, port, pid } = server;
  const report = await runOverload(
    { host, port, pids: [pid], headers: {} },
    { seconds: 6, measuredSeconds: 2, connectionsMax: 3_000 },
  );
  console.log(overloadText(report));
  const { overload, after, readyz, residentMiB } = report;
  const refused = Object.keys(overload.statuses).filter((status) => status !== '204');
  expect(['503', '429']).toEqual(expect.arrayContaining(refused));
  expect(overload.withoutRetryAfter).toBe(0);
  expect(overload.acceptedRate).toBeGreaterThan(0);
  expect(Object.keys(after.statuses)).toEqual(['204']);
  expect(readyz.answered).toBe(readyz.asked);
  expect(Math.max(...residentMiB)).toBeLessThan(1_024);
  expect(server.isRunning()).toBe(true);
  await rm(folder, { recursive: true, force: true });
});
