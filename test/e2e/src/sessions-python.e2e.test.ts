// The vendor's Python client, unmodified.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonPackages } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { startOwnServer } from './own-server.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, '..', 'python', 'sessions_sdk.py');

test('a session is made, sent to, listed, followed, changed, archived and deleted', async () => {
  const packages = await pythonPackages(['anthropic==2.14.0']);
  await using server = await startOwnServer('python');
  const env = { ...process.env, PYTHONPATH: packages, TIDEMARK_URL: server.url };
  const { stdout } = await run('python3', [script], { env });
  expect(stdout).toContain('anthropic 2.14.0: all as it should be');
});
