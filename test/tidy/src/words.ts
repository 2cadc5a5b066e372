import type { SourceFile } from './repository.ts';

const nameless = /(^|\/)(utils?|helpers?|common|types|manager|misc|issue-\d+)(\.[a-z.]+)?$/;

/** A file is named by the noun inside. */
export const nameViolations = (paths: readonly string[]): string[] =>
  paths.filter((path) => nameless.test(path)).map((path) => `${path} says nothing by its name`);

const marks = new RegExp(`\\b(${['TO', 'FIX'].join('DO|')}${'ME'})\\b`);

/** One word for one thing: what the glossary has another word for. */
const synonyms: ReadonlyMap<RegExp, string> = new Map([
  [/\blastOffset\b/, 'tail or anchor'],
  [/\bstreamId\b/, 'name'],
  [/\bsessionId\b/, 'name'],
  [/\bskip\(\)|\btest\.skip\b|\bit\.skip\b|\bdescribe\.skip\b/, 'a test that runs'],
]);

/** Where the words are a vendor's: its records, its interfaces. */
const foreign =
  /^(libs\/agent-(stores|formats)|apps\/cli\/src\/import)\/|^libs\/agents-api\/src\/delivery-payload|^test\/(e2e|browser|sim|chaos)\/src\/(agents?[-/]|claude-|mcp-event-store|openai-session|opencomputer)/;

export function wordViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const found = marks.test(text) ? [`${path} has an open mark`] : [];
    if (foreign.test(path)) return found;
    for (const [word, instead] of synonyms) {
      if (word.test(text)) found.push(`${path} says ${word.source}, the word is ${instead}`);
    }
    return found;
  });
}

const workplace = /(^|[^A-Za-z0-9_.])\/(work|farm|root)\/[a-z]|https?:\/\/(registry|proxy)\./;

/** Nothing of the machine that it was written on. */
export function workplaceViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => !path.startsWith('test/tidy/') && workplace.test(text))
    .map(({ path }) => `${path} names a place of one machine`);
}

export const lockViolations = (lockFile: string): string[] =>
  /"resolved": "https?:/.test(lockFile) ? ['package-lock.json names a registry host'] : [];
