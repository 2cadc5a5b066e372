// The repository as the rules see it: tracked files, their text, and the packages with their
// declared dependencies.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Package {
  readonly name: string;
  readonly folder: string;
  readonly dependencies: readonly string[];
  /** What its tests use besides. */
  readonly devDependencies: readonly string[];
}

const root: string = resolve(import.meta.dirname, '../../..');

/** Tracked files, and those that would be if they were added now. */
export function listFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
}

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');

export const sourcesIn = (paths: readonly string[]): readonly SourceFile[] =>
  paths
    .filter((path) => /\.(ts|mts|cts|js|mjs)$/.test(path) && !path.includes('/fixtures/'))
    // The rules' own tests hold what they look for.
    .filter((path) => !path.startsWith('test/tidy/'))
    .map((path) => ({ path, text: readText(path) }));

export function packagesIn(paths: readonly string[]): readonly Package[] {
  return paths
    .filter((path) => path.endsWith('/package.json') && !path.includes('/fixtures/'))
    .map((path) => {
      const manifest = JSON.parse(readText(path)) as {
        readonly name: string;
        readonly dependencies?: Record<string, string>;
        readonly devDependencies?: Record<string, string>;
      };
      return {
        name: manifest.name.replace('@tidemark/', ''),
        folder: path.slice(0, -'/package.json'.length),
        dependencies: Object.keys(manifest.dependencies ?? {}),
        devDependencies: Object.keys(manifest.devDependencies ?? {}),
      };
    });
}

const importPattern = /(?:from|import)\s*\(?\s*'([^']+)'/g;

export const importsIn = ({ text }: SourceFile): readonly string[] =>
  [...text.matchAll(importPattern)].map((match) => match[1] as string);

export const isTest = (path: string): boolean =>
  path.endsWith('.test.ts') || /\/(testing|bench)(\.ts|\/)/.test(path) || path.startsWith('test/');
