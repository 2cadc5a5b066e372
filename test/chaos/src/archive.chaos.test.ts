// A short run of the long one: events archived while everything is killed, and while S3 is away.

import { expect, test } from 'vitest';
import { runArchive } from './archive/archive-run.ts';

const small = {
  on: 'embedded',
  events: 4_000,
  sessions: 40,
  readers: 4,
  segmentSeconds: 2,
  say: () => undefined,
} as const;

test('killed in the middle, with its S3 server: each event is read once, and is in one segment', async () => {
  const { wrong, events } = await runArchive({ ...small, kills: 1, s3AwaySeconds: 0 });
  expect(wrong).toEqual([]);
  expect(events).toBe(small.events);
}, 240_000);

test('without S3 for a while: appends go on, an alarm rings, and what waited is archived', async () => {
  const { wrong, figures } = await runArchive({ ...small, kills: 0, s3AwaySeconds: 15 });
  expect(wrong).toEqual([]);
  expect(Number(figures['appends while S3 was away'])).toBeGreaterThan(20);
}, 240_000);
