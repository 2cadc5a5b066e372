import type { SourceFile } from './repository.ts';

interface Entry {
  readonly code: string;
  readonly status: string;
}

const codesIn = (table: string): readonly Entry[] =>
  [...table.matchAll(/^ {2}'?([a-z-]+)'?: \{\s*status: (\d+)/gm)].map(([, code, status]) => ({
    code: code as string,
    status: status as string,
  }));

/** Each code has a page that tells its status; a page without a code is left over. */
export function problemViolations(table: string, pages: readonly SourceFile[]): string[] {
  const entries = codesIn(table);
  const textOf = new Map(pages.map(({ path, text }) => [path, text]));
  const missing = entries
    .filter(({ code, status }) => {
      const text = textOf.get(`docs/problems/${code}.md`);
      return text?.includes(`\`${code}\`: status ${status},`) !== true;
    })
    .map(({ code }) => `docs/problems/${code}.md does not tell of ${code}`);
  const known = new Set(entries.map(({ code }) => `docs/problems/${code}.md`));
  const stray = pages
    .filter(({ path }) => !known.has(path))
    .map(({ path }) => `${path} has no code`);
  return [...missing, ...stray];
}
