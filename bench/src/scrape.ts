import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from './load/orders.ts';

/** A page of metrics is told again for a shorter time. */
export const pageMsMax = 2_500;

async function page({ host, port }: Target): Promise<string> {
  const response = await fetch(`http://${host}:${port}/metrics`);
  return response.text();
}

/** Sum over all labels of one of a server's own counters. */
export async function scraped(target: Target, name: string): Promise<number> {
  const text = await page(target);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Ranged reads, by the process that reads. */
export const rangedReads = (reader: Target): Promise<number> =>
  scraped(reader, 'tidemark_s3_attempt_seconds_count{call="getRange",outcome="answered"}');

/** Requests to the bucket that were answered, by their kind. */
export async function bucketRequests(target: Target): Promise<Record<string, number>> {
  const counts = /^tidemark_s3_attempt_seconds_count\{call="(\w+)",outcome="answered"\} (\d+)/gm;
  const found = [...(await page(target)).matchAll(counts)];
  return Object.fromEntries(found.map(([, call = '', count]) => [call, Number(count)]));
}

/** Three looks that find nothing: between two publications there is a moment without any. */
export async function untilPublished(publisher: Target, looks = 3): Promise<void> {
  for (let quiet = 0; quiet < looks; ) {
    quiet = (await scraped(publisher, 'tidemark_publisher_waiting_sessions')) === 0 ? quiet + 1 : 0;
    await delay(1_000);
  }
}

export async function untilArchived(archiver: Target): Promise<void> {
  while ((await scraped(archiver, 'tidemark_tiering_waiting_bytes')) > 0) await delay(500);
}
