// A byte of the log turns while the server runs: that range is not served, and it is known.

import { mkdtemp, open, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { create, send, textOf } from './http-client.ts';

const text = { 'content-type': 'text/plain' } as const;
const marker = 'here is what will turn';

/** Turns a byte of the marker, wherever in the log's files it lies. */
async function turnByte(logFolder: string): Promise<void> {
  for (const name of await readdir(logFolder)) {
    const path = join(logFolder, name);
    const at = (await readFile(path).catch(() => Buffer.alloc(0))).indexOf(marker);
    if (at === -1) continue;
    await using file = await open(path, 'r+');
    await file.write('H', at);
    return;
  }
  throw new Error('the marker is nowhere in the log');
}

test('corruption that is met by a read is answered, rings by name, and shows nothing inside', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-corruption-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_MEMORY_MIB: '1' };
  await using app = await startApp({ app: 'server', index: 0, folder, env });
  const at = (name: string): string => `${app.url}/v1/stream/${name}`;
  await create(at('turned'), text);
  await send(at('turned'), { method: 'POST', headers: text, body: marker });
  await create(at('other'), text);
  // More than what the log and the window keep in memory.
  const body = 'x'.repeat(4_000_000);
  for (let count = 0; count < 8; count += 1) {
    await send(at('other'), { method: 'POST', headers: text, body });
  }
  await turnByte(join(folder, 'data/log'));
  const answer = await send(at('turned'));
  expect(answer.status).toBe(500);
  expect(JSON.parse(textOf(answer))).toMatchObject({ code: 'corrupt', effect: 'none' });
  const readyz = await send(`${app.url}/readyz`);
  expect(readyz.status).toBe(503);
  expect(textOf(readyz)).toContain('"corrupt tidemark.default/0"');
  for (const shown of [answer, readyz]) expect(textOf(shown)).not.toMatch(/position|\/data|file=/);
  expect(textOf(await send(`${app.url}/metrics`))).toMatch(
    /^tidemark_alarms_total\{alarm="corrupt"\} 1$/m,
  );
  expect(await readFile(app.logFile, 'utf8')).toMatch(/"level":50.*"reason":"corrupt"/);
  expect((await send(at('other'))).status).toBe(200);
});
