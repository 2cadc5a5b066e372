import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { confinementHere, Hands } from './hands.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-hands-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const path = process.env['PATH'] ?? '';
const confinements = new Set(['folder', await confinementHere()] as const);

describe.each([...confinements])('hands in a %s', (confinement) => {
  const open = (): Promise<Hands> => Hands.open({ folder, confinement, path });

  test('write, read, list, and run commands', async () => {
    using hands = await open();
    expect(await hands.use('write', { path: 'a/b.txt', text: 'seven' })).toMatchObject({
      isError: false,
    });
    expect(await hands.use('read', { path: 'a/b.txt' })).toEqual({ text: 'seven', isError: false });
    expect(await hands.use('ls', { path: '.' })).toEqual({ text: 'a/', isError: false });
    const ran = await hands.use('bash', { command: 'cat a/b.txt; echo wrong >&2; exit 4' });
    expect(ran).toEqual({ text: 'sevenwrong\n', isError: true, exitCode: 4 });
    expect(await hands.use('dance', {})).toMatchObject({ isError: true });
    expect(await hands.use('read', {})).toEqual({ text: 'path is text', isError: true });
  });

  test('do not leave their folder by a path, or by a link', async () => {
    using hands = await open();
    await symlink('/', join(folder, 'link'));
    const outside = { text: 'that is outside of the working folder', isError: true };
    for (const wanted of ['../x', '/etc/passwd', 'link/etc/passwd', 'link/new', 'a/../../x']) {
      expect(await hands.use('read', { path: wanted })).toEqual(outside);
      expect(await hands.use('write', { path: wanted, text: '' })).toEqual(outside);
    }
  });

  test('have nothing of the environment but a path and a home', async () => {
    using hands = await open();
    const { text } = await hands.use('bash', { command: 'env | cut -d= -f1 | sort' });
    const own = new Set(['HOME', 'LANG', 'OLDPWD', 'PATH', 'PWD', 'SHLVL', '_']);
    expect(
      text
        .trim()
        .split('\n')
        .filter((name) => !own.has(name)),
    ).toEqual([]);
  });

  test('cut what is too long', async () => {
    using hands = await open();
    const { text } = await hands.use('bash', { command: 'head -c 1000000 /dev/zero | tr "\\0" x' });
    expect(text.length).toBe(256 * 1_024 + '\n[cut here]'.length);
  });

  test('end what they began when they are ended', async () => {
    const hands = await open();
    const command = 'echo $$ > shell; (while :; do echo beat >> beats; sleep 0.05; done)';
    const running = hands.use('bash', { command });
    const size = async (): Promise<number> =>
      (await readFile(join(folder, 'beats')).catch(() => Buffer.alloc(0))).length;
    while ((await size()) < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    hands[Symbol.dispose]();
    expect(await running).toEqual({ text: 'the hands were lost', isError: true });
    const ended = async (): Promise<boolean> => {
      const before = await size();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before === (await size());
    };
    while (!(await ended())) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readdir(folder)).toEqual(['beats', 'shell']);
    expect(await hands.use('ls', { path: '.' })).toMatchObject({ isError: true });
  });
});
