// A server that cannot start says where, why, and what to do.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';

const main = resolve(import.meta.dirname, '../../../apps/server/src/main.ts');

interface End {
  readonly code: number;
  readonly told: string;
}

async function startIn(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  via: readonly string[] = [],
): Promise<End> {
  const [command, ...args] = [...via, process.execPath, main];
  const all = { PATH: process.env['PATH'], TIDEMARK_PORT: '0', TIDEMARK_DATA_DIR: dataDir, ...env };
  const child = spawn(command, args, { env: all, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (piece) => {
    told += String(piece);
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, told };
}

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'tidemark-start-'));

test('a path that is no folder', async () => {
  const path = join(await newFolder(), 'file');
  await writeFile(path, '');
  const { code, told } = await startIn(path);
  expect(told).toContain(`cannot open ${path}/log: it cannot be used as a folder`);
  expect(told).toContain('TIDEMARK_DATA_DIR');
  expect([code, told.includes('    at ')]).toEqual([69, false]);
});

/** In a name space of its own a folder can be of any file system. */
const mounted = (folder: string, options: string): readonly string[] => [
  'unshare',
  '-Urm',
  'sh',
  '-c',
  `mount -t tmpfs -o ${options} tmpfs '${folder}' && exec "$@"`,
  'sh',
];

test('a file system that is read-only', async () => {
  const folder = await newFolder();
  const { code, told } = await startIn(join(folder, 'data'), {}, mounted(folder, 'ro'));
  expect(told).toMatch(/cannot open .*\/data\/log: it .*read-only, or set TIDEMARK_DATA_DIR/);
  expect(code).toBe(69);
});

test('a disk without room', async () => {
  const folder = await newFolder();
  const { code, told } = await startIn(join(folder, 'data'), {}, mounted(folder, 'size=64k'));
  expect(told).toMatch(/cannot open .*\/data\/log: the disk is full: make room/);
  expect(code).toBe(69);
});

test('a folder that another server uses', async () => {
  const folder = await newFolder();
  const env = { TIDEMARK_DATA_DIR: folder };
  await using _server = await startApp({ app: 'server', index: 0, folder, env });
  const { code, told } = await startIn(folder);
  expect(told).toContain(`cannot open ${folder}/log: another process uses it`);
  expect(code).toBe(69);
});

test('a port that is taken', async () => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  const { port } = taken.address() as AddressInfo;
  const { code, told } = await startIn(await newFolder(), { TIDEMARK_PORT: String(port) });
  taken.close();
  expect(told).toContain(`cannot listen on 127.0.0.1:${port}: it is taken`);
  expect(code).toBe(69);
});
