import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from '@tidemark/std';
import { expect, test } from 'vitest';
import { workerDeclarations } from './settings.ts';

test('the README has every setting, as it is declared', () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  const rows = Object.values<Setting<unknown>>(workerDeclarations).map(
    ({ env, purpose, fallback }) =>
      `| \`${env}\` | ${purpose} | ${fallback === undefined ? '' : `\`${fallback as string | number}\``} |`,
  );
  expect(readme.split('\n').filter((line) => line.startsWith('| `TIDEMARK_'))).toEqual(rows);
});
