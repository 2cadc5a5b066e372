import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusedOf, runStrangers, strangersText } from './strangers-run.ts';

test('five hundred peers without a key take nothing from a hundred clients with one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-strangers-'));
  const report = await runStrangers({
    folder,
    seconds: 8,
    quietSeconds: 2,
    strangers: 500,
    clients: 100,
    rate: 300,
  });
  console.log(strangersText(report));
  const { beside, residentMiB, metrics, connections } = report;
  expect(refusedOf(beside)).toEqual({});
  expect(beside.brokenConnections).toBe(0);
  expect(beside.acceptedRate).toBeGreaterThan(0);
  // They were there, and held nothing of what clients share.
  expect(connections).toBeGreaterThan(100);
  expect(metrics).toMatch(/^tidemark_edge_body_bytes 0$/m);
  expect(metrics).toMatch(/^tidemark_edge_owed_bytes 0$/m);
  expect(Math.max(...residentMiB)).toBeLessThan(700);
  await rm(folder, { recursive: true, force: true });
});
