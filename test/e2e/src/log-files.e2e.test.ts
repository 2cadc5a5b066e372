// The embedded log's files while its events are archived: few, whatever is appended, though the control log is never
// trimmed and lies in the oldest.

import { mkdtemp, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startOwnServer } from './own-server.ts';

const mib = 1_048_576;
const appendedMib = process.env['TIDEMARK_TEST_LONG'] === '1' ? 3_000 : 200;
/** Once all is archived: of 64 MiB each, see OPERATIONS. */
const filesMax = 4;

test('are few, and everything is read again by a process that starts anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-log-files-'));
  const settings = {
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_LOG_KEEP_MIB: '0',
    TIDEMARK_SEGMENT_MIB: '8',
    TIDEMARK_SEGMENT_MS: '1000',
    TIDEMARK_PUBLISH_MS: '1000',
    TIDEMARK_MEMORY_MIB: '64',
  };
  let server = await startOwnServer('log-files', settings);
  const files = async (): Promise<readonly string[]> => {
    const names = await readdir(join(folder, 'log'));
    return names.filter((name) => name.endsWith('.log')).sort();
  };
  const body = (round: number): string => {
    const pad = '0123456789abcdef'.repeat(6_000);
    return JSON.stringify(Array.from({ length: 10 }, (_, index) => ({ round, index, pad })));
  };
  const bodyMib = body(0).length / mib;
  const path = (round: number): string => `${server.url}/v1/stream/s${round % 4}`;
  const headers = { 'content-type': 'application/json' };
  for (let round = 0; round < 4; round += 1) await fetch(path(round), { method: 'PUT', headers });
  const rounds = 4 * Math.ceil(appendedMib / bodyMib / 4);
  for (let round = 0; round < rounds; round += 4) {
    const appends = [0, 1, 2, 3].map((index) =>
      vi.waitUntil(async () => {
        const at = round + index;
        const answer = await fetch(path(at), { method: 'POST', headers, body: body(at) });
        return answer.ok;
      }),
    );
    await Promise.all(appends);
  }
  await vi.waitUntil(
    async () => {
      const names = await files();
      return names.length <= filesMax && Number(names[0]?.slice(0, 8)) > 1;
    },
    { timeout: 240_000, interval: 200 },
  );
  const sizes = await Promise.all((await files()).map((name) => stat(join(folder, 'log', name))));
  expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(filesMax * 64 * mib);
  server.app.kill('SIGKILL');
  await server.app.ended;
  server = await startOwnServer('log-files', settings);
  for (let session = 0; session < 4; session += 1) {
    const { headers: told } = await fetch(path(session), { method: 'HEAD' });
    expect(Number(told.get('stream-next-offset')?.split('_')[0])).toBe((rounds / 4) * 10);
  }
  const answer = await fetch(`${path(0)}?offset=-1`);
  const first10 = (await answer.json()) as readonly { round: number; index: number }[];
  expect(first10.slice(0, 3).map(({ round, index }) => [round, index])).toEqual([
    [0, 0],
    [0, 1],
    [0, 2],
  ]);
  await server[Symbol.asyncDispose]();
}, 300_000);
