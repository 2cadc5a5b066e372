import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

interface Locked {
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly deprecated?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

/** Where Node finds a package from another's folder. */
function placeOf(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (folder === '') return undefined;
  }
}

/** All that the servers install; the test runner, for the contract suites, is not loaded by them. */
function installed(): Map<string, Locked> {
  const found = new Map<string, Locked>();
  const visit = (from: string): void => {
    const { dependencies, optionalDependencies } = packages[from] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const place = placeOf(name, from);
      const locked = place === undefined ? undefined : packages[place];
      if (place === undefined || locked === undefined || name === 'vitest') continue;
      if (locked.link === true || found.has(place)) continue;
      found.set(place, locked);
      visit(place);
    }
  };
  for (const place of Object.keys(packages)) if (/^(apps|libs)\/[^/]+$/.test(place)) visit(place);
  return found;
}

test('every package that production installs has a verdict, and none runs a script', () => {
  const verdicts = readFileSync(join(root, 'docs/adr/0004-dependency-audit.md'), 'utf8');
  const all = installed();
  expect(all.size).toBeGreaterThan(20);
  for (const [place, { integrity, hasInstallScript, deprecated }] of all) {
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    expect(verdicts).toContain(`\`${name}\``);
    expect({ name, hasInstallScript, deprecated }).toEqual({ name });
    expect(integrity).toMatch(/^sha512-/);
  }
});
