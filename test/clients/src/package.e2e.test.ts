// What is published: it is built, it is as small as it says, and what its READMEs show works as it stands there.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from './served.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
const home = join(root, 'libs', 'client');
const dist = join(home, 'dist');
const python = join(root, 'clients', 'python');

let server: Served;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-package-'));
  [server] = await Promise.all([
    Served.start(),
    run('npm', ['run', '-s', 'build', '-w', 'libs/client'], { cwd: root }),
  ]);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function examplesIn(file: string, language: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const own = blocks.filter(([, of]) => of === language).map(([, , code = '']) => code);
  expect(own.length).toBeGreaterThan(3);
  return own.join('\n').replaceAll('http://127.0.0.1:4437', server.url);
}

/** A project of somebody who has installed the package. */
async function project(file: string, code: string): Promise<string> {
  const scope = join(folder, 'node_modules', '@tidemark');
  await mkdir(scope, { recursive: true });
  await symlink(dist, join(scope, 'client')).catch(() => undefined);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, file), code);
  return join(folder, file);
}

test('the package has no dependency, and loads nothing of Node', async () => {
  const manifest = JSON.parse(await readFile(join(dist, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  expect(manifest).toMatchObject({ name: '@tidemark/client', type: 'module' });
  expect(manifest['dependencies']).toBeUndefined();
  const bundled = await rolldown({ input: join(dist, 'index.js'), platform: 'browser' });
  const { output } = await bundled.generate({ format: 'esm' });
  await bundled.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
});

test('it is as small as its README says, within a tenth', async () => {
  const bundled = await rolldown({ input: join(dist, 'index.js'), platform: 'browser' });
  const { output } = await bundled.generate({ format: 'esm', minify: true });
  await bundled.close();
  const kilobytes = gzipSync(output[0].code, { level: 9 }).length / 1_000;
  const readme = await readFile(join(home, 'README.md'), 'utf8');
  const said = Number(/^([\d.]+) KB, minified and gzipped/m.exec(readme)?.[1]);
  expect(Math.abs(kilobytes - said) / said, `it is ${kilobytes} KB`).toBeLessThan(0.1);
});

test('the examples of its README have the types that they need, and work', async () => {
  const code = await examplesIn(join(home, 'README.md'), 'ts');
  const file = await project('readme.ts', code);
  const strict = ['--strict', '--noEmit', '--skipLibCheck', '--exactOptionalPropertyTypes'];
  const place = [
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,esnext.disposable,dom',
  ];
  await run('npx', ['tsc', ...strict, ...place, file], { cwd: root });
  const { stdout } = await run(process.execPath, [file]);
  expect(stdout).toMatch(/^user.message \d{4}-/);
  expect(stdout).toMatch(/^3$/m);
  expect(stdout).toMatch(/^4 \d{16}_[0-9a-f]{8}$/m);
  expect(stdout).toMatch(/^2$/m);
  expect(stdout).toMatch(/^never none \{\}$/m);
});

test('the examples of the Python client’s README work', async () => {
  const code = await examplesIn(join(python, 'README.md'), 'python');
  const env = { ...process.env, PYTHONPATH: python, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await run('python3', ['-c', code], { env });
  expect(stdout).toMatch(/^user.message \d{4}-/);
  expect(stdout).toMatch(/^3$/m);
  expect(stdout).toMatch(/^\{'step': 2\}$/m);
  expect(stdout).toMatch(/^session-archived never none$/m);
});

test('every code of the server is one of the client’s, and the pages tell of no other', async () => {
  const [told, known] = await Promise.all(
    ['libs/protocol/src/problems.ts', 'libs/client/src/problem.ts'].map((path) =>
      readFile(join(root, path), 'utf8'),
    ),
  );
  const table = [...(told ?? '').matchAll(/^ {2}'?([a-z-]+)'?: \{\s*status/gm)];
  const union = /ProblemCode =\n(.*?);/s.exec(known ?? '')?.[1] ?? '';
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  const own = ['no-answer', 'foreign-answer'];
  expect(table.length).toBeGreaterThan(30);
  expect(new Set(codes)).toEqual(new Set([...table.map(([, code]) => code), ...own]));
});
