import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type QuotasRound, quotasText, runQuotas } from './quotas-run.ts';

test('a tenant with ten times its quota is held to it, told when to come back, and felt by nobody', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-quotas-'));
  const options = { folder, rounds: 1, seconds: 4, quota: 50, rate: 100 };
  const rounds = await runQuotas(options);
  console.log(quotasText(rounds));
  const [{ beside, greedy }] = rounds as [QuotasRound];
  expect(Object.keys(beside.statuses)).toEqual(['204']);
  expect(beside.brokenConnections).toBe(0);
  expect(greedy.withoutRetryAfter).toBe(0);
  const { 204: taken = 0, 429: refused = 0, ...others } = greedy.statuses;
  expect(others).toEqual({});
  // A second's worth at once, and then as time goes on.
  expect(taken).toBeLessThanOrEqual(options.quota * (greedy.seconds + 1) + 2);
  expect(refused).toBeGreaterThan(taken);
  await rm(folder, { recursive: true, force: true });
});
