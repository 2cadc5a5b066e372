// Makes the package that is published, in dist/: JavaScript and types, and a manifest that names them. Inside of
// this repository the sources are imported as they are.

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const home = resolve(import.meta.dirname, '..');
const out = join(home, 'dist');

rmSync(out, { recursive: true, force: true });
execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { cwd: home, stdio: 'inherit' });

const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Record<
  string,
  unknown
>;
const { private: _, scripts: __, ...kept } = manifest;
const published = {
  ...kept,
  sideEffects: false,
  exports: {
    '.': { types: './index.d.ts', default: './index.js' },
    './worker': { types: './worker.d.ts', default: './worker.js' },
  },
};
writeFileSync(join(out, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
cpSync(join(home, 'README.md'), join(out, 'README.md'));
