// The rules of the house, each run over the repository and over a violation planted for it.

import { describe, expect, test } from 'vitest';
import { circleViolations } from './circles.ts';
import {
  adapterViolations,
  doorViolations,
  undeclaredImports,
  vendorViolations,
} from './imports.ts';
import { layerViolations } from './layers.ts';
import { pageViolations } from './package-pages.ts';
import { problemViolations } from './problem-pages.ts';
import { listFiles, packagesIn, readText, sourcesIn } from './repository.ts';
import { linesMax, sizeViolations, staleExceptions } from './sizes.ts';
import { lockViolations, nameViolations, wordViolations, workplaceViolations } from './words.ts';

const paths = listFiles();
const sources = sourcesIn(paths);
const packages = packagesIn(paths);
const texts = paths
  .filter(
    (path) => /\.(ts|json|md|yaml|yml|sh|mjs|xml|conf)$/.test(path) && path !== 'package-lock.json',
  )
  .map((path) => ({ path, text: readText(path) }));

const planted = (path: string, text: string) => [{ path, text }];

describe('layers', () => {
  test('every package depends only on what stands below it', () => {
    expect(packages.length).toBeGreaterThan(10);
    expect(layerViolations(packages)).toEqual([]);
  });

  test('an arrow that points up is found, and so is a package without a place', () => {
    const devDependencies: string[] = [];
    const up = {
      name: 'std',
      folder: 'libs/std',
      dependencies: ['@tidemark/replica'],
      devDependencies,
    };
    const lost = { name: 'nowhere', folder: 'libs/nowhere', dependencies: [], devDependencies };
    expect(layerViolations([up, lost])).toHaveLength(2);
  });

  test('every import of a package of ours is declared', () => {
    expect(undeclaredImports(sources, packages)).toEqual([]);
    const file = planted('libs/std/src/a.ts', "import { x } from '@tidemark/kafka';");
    expect(undeclaredImports(file, packages)).toHaveLength(1);
  });
});

describe('imports', () => {
  test('no files import one another in a circle, not even for their types', () => {
    expect(circleViolations(sources)).toEqual([]);
    const circle = [
      ...planted('libs/std/src/a.ts', "import type { B } from './b.ts';"),
      ...planted('libs/std/src/b.ts', "import { c } from './c.ts';"),
      ...planted('libs/std/src/c.ts', "import { a } from './a.ts';"),
    ];
    expect(circleViolations(circle)).toHaveLength(1);
  });

  test('a vendor is imported by one package', () => {
    expect(vendorViolations(sources)).toEqual([]);
    const file = planted('libs/replica/src/a.ts', "import { Kafka } from 'kafkajs';");
    expect(vendorViolations(file)).toHaveLength(1);
  });

  test('an adapter is chosen in main.ts', () => {
    expect(adapterViolations(sources)).toEqual([]);
    const file = planted('apps/read/src/a.ts', "import { openDiskLog } from '@tidemark/disk';");
    expect(adapterViolations(file)).toHaveLength(1);
  });

  test('a power door is opened only where the power belongs', () => {
    expect(doorViolations(sources)).toEqual([]);
    const door = planted(
      'libs/kafka/src/a.ts',
      "import { Writers } from '@tidemark/replica/write';",
    );
    const testing = planted('apps/read/src/a.ts', "import { x } from '@tidemark/ports/testing';");
    expect(doorViolations([...door, ...testing])).toHaveLength(2);
  });
});

describe('words', () => {
  test('files are named by what is in them', () => {
    expect(nameViolations(paths)).toEqual([]);
    expect(nameViolations(['libs/std/src/utils.ts', 'test/issue-12.test.ts'])).toHaveLength(2);
  });

  test('one word for one thing, and no open marks', () => {
    expect(wordViolations(sources)).toEqual([]);
    const mark = planted('libs/std/src/a.ts', `// ${'TO'}${'DO'}: later`);
    const word = planted('libs/std/src/b.ts', 'const lastOffset = 1;');
    expect(wordViolations([...mark, ...word])).toHaveLength(2);
  });

  test('nothing names the machine that it was written on', () => {
    expect(workplaceViolations(texts)).toEqual([]);
    expect(workplaceViolations(planted('README.md', 'see /root/x'))).toHaveLength(1);
    expect(lockViolations(readText('package-lock.json'))).toEqual([]);
    expect(lockViolations('"resolved": "https://somewhere/a.tgz"')).toHaveLength(1);
  });
});

describe('sizes', () => {
  test('no file grows over the limit, and exceptions only shrink', () => {
    expect(sizeViolations(sources)).toEqual([]);
    expect(staleExceptions(sources)).toEqual([]);
    const long = planted('libs/std/src/a.ts', 'const a = 1;\n'.repeat(linesMax + 1));
    expect(sizeViolations(long)).toHaveLength(1);
  });
});

describe('pages of packages', () => {
  test('every package has one, and what it names is there', () => {
    const folders = packages.map(({ folder }) => folder);
    expect(pageViolations(folders, texts, paths)).toEqual([]);
    const page = planted('libs/std/README.md', 'see `gone.ts`');
    expect(pageViolations(['libs/std', 'libs/nowhere'], page, paths)).toHaveLength(2);
  });
});

describe('problems', () => {
  test('every code has its page, and every page its code', () => {
    const table = readText('libs/protocol/src/problems.ts');
    const pages = paths.filter((path) => path.startsWith('docs/problems/'));
    expect(
      problemViolations(
        table,
        pages.map((path) => ({ path, text: readText(path) })),
      ),
    ).toEqual([]);
    const stray = planted('docs/problems/no-such-code.md', '`no-such-code`');
    expect(problemViolations(table, stray).length).toBeGreaterThan(20);
  });
});
