// docs/CLI.md has the help of every command as it is printed. WRITE_DOCS=1 writes it there.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commands } from './command-table.ts';
import { helpOf, overview } from './help.ts';

const file = join(import.meta.dirname, '../../../docs/CLI.md');
const mark = '\n## Commands\n';

const block = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;

const written = (): string =>
  [
    block(overview(commands)),
    ...commands.map((each) => `### ${each.name}\n\n${block(helpOf(each))}`),
  ].join('\n');

test('docs/CLI.md says what the help says', () => {
  const [before = '', after] = readFileSync(file, 'utf8').split(mark);
  if (process.env['WRITE_DOCS'] === '1') writeFileSync(file, `${before}${mark}\n${written()}`);
  else expect(after?.trim()).toBe(written().trim());
});

test('every command has examples, and every option its words', () => {
  for (const { name, examples, options } of commands) {
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example.split(' ')[0]).toBe(name);
    for (const { help } of Object.values(options)) expect(help).not.toBe('');
  }
});
