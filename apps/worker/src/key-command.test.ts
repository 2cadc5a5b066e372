import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { printedKey } from './key-command.ts';

let folder: string;
const path = process.env['PATH'] ?? '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-keys-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function command(script: string): Promise<string> {
  const file = join(folder, 'command');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o700);
  return file;
}

test('a key is what a command prints of an agent and a session, without the space around it', async () => {
  const script = await command('echo "  key of $1 in $2  "');
  expect(await printedKey(script, ['agent', 'session'], path)).toBe('key of agent in session');
});

test.each([
  ['echo half-a-key; exit 3', 'the command for keys failed: 3'],
  ['true', 'the command for keys failed: it printed nothing'],
])('where it fails, what it printed is not told: %s', async (script, message) => {
  await expect(printedKey(await command(script), [], path)).rejects.toThrow(new Error(message));
});
