import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from '@tidemark/std';
import { expect, test } from 'vitest';
import { serverDeclarations } from './settings.ts';

const shown = (fallback: unknown): string =>
  fallback === undefined ? '' : `\`${([fallback] as (string | number)[]).flat().join(',')}\``;

const row = ({ env, purpose, shape, fallback }: Setting<unknown>): string =>
  `| \`${env}\` | ${purpose} | ${shape} | ${shown(fallback)} |`;

test('the README has every setting, as it is declared', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
  const rows = Object.values<Setting<unknown>>(serverDeclarations).map(row);
  const found = readme.split('\n').filter((line) => line.startsWith('| `TIDEMARK_'));
  expect(found).toEqual(rows);
});
