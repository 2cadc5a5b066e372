// A disk that is full, for real: a small file system of the server's own, in a name space of its own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type SmallDisk, startSmallDisk } from './small-disk.ts';

const mebibyte = 1_024 * 1_024;
const bodyBytes = 4 * mebibyte;
/** The log takes 64 MiB a file, and prepares one ahead: there is no room for a third. */
const diskMib = 260;
const ballastMib = 100;
/** More than two files hold. */
const appendsMax = 40;

let folder: string;
let disk: SmallDisk;
let server: AppProcess;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-full-'));
  const mountPoint = join(folder, 'data');
  const logFile = join(folder, 'disk.log');
  disk = await startSmallDisk({ mountPoint, mebibytes: diskMib, logFile });
  await disk.fill(ballastMib * mebibyte);
  const env = { TIDEMARK_DATA_DIR: mountPoint };
  server = await startApp({ app: 'server', index: 0, folder, env, via: disk.via });
  url = server.url;
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await disk?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** An alarm of objects ends when the next publication has worked, or was not needed. */
const settled = { timeout: 120_000, interval: 200 };

/** Bytes that tell which append they are of. */
const bodyOf = (index: number): Buffer => Buffer.alloc(bodyBytes, String.fromCharCode(65 + index));

async function append(index: number): Promise<{ status: number; type: string }> {
  const response = await fetch(`${url}/v1/stream/full`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: bodyOf(index),
  });
  const text = await response.text();
  return { status: response.status, type: text === '' ? '' : (JSON.parse(text).type as string) };
}

/** What is there, as one letter an append. */
async function letters(): Promise<string> {
  let offset = '-1';
  let found = '';
  for (;;) {
    const response = await fetch(`${url}/v1/stream/full?offset=${offset}`);
    expect(response.status).toBe(200);
    const body = Buffer.from(await response.arrayBuffer());
    for (let at = 0; at < body.length; at += bodyBytes) found += String.fromCharCode(body[at] ?? 0);
    offset = response.headers.get('stream-next-offset') ?? '';
    if (response.headers.get('stream-up-to-date') === 'true') return found;
  }
}

async function alarms(): Promise<string[]> {
  const response = await fetch(`${url}/readyz`);
  const { failures } = (await response.json()) as { readonly failures: Record<string, string> };
  expect(response.status).toBe(Object.keys(failures).length === 0 ? 200 : 503);
  return Object.keys(failures);
}

test('a full disk refuses appends, serves what it has, and takes them again once there is room', async () => {
  await fetch(`${url}/v1/stream/full`, {
    method: 'PUT',
    headers: { 'content-type': 'text/plain' },
  });
  let acknowledged = '';
  let refusal = { status: 0, type: '' };
  for (let index = 0; index < appendsMax && refusal.status === 0; index += 1) {
    const answer = await append(index);
    if (answer.status === 204) acknowledged += String.fromCharCode(65 + index);
    else refusal = answer;
  }
  expect(refusal.status).toBe(507);
  expect(refusal.type).toContain('storage-full');
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(await letters()).toBe(acknowledged);
  // What a full disk is told by; the embedded server's objects lie on it as well.
  expect(await alarms()).toContain('storage full');

  await disk.free();
  expect((await append(acknowledged.length)).status).toBe(204);
  await vi.waitFor(async () => expect(await alarms()).toEqual([]), settled);
  acknowledged += String.fromCharCode(65 + acknowledged.length);
  expect(await letters()).toBe(acknowledged);
  process.stdout.write(
    `measured: pid ${server.pid}: full after ${acknowledged.length - 1} appends of 4 MiB on ${diskMib} MiB\n`,
  );
});
