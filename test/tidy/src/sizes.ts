import { exceptions } from './exceptions.ts';
import { isTest, type SourceFile } from './repository.ts';

export const linesMax = 400;

/** Lines that are neither blank nor comment. */
function codeLines(text: string): number {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(\/\/|\/\*|\*)/.test(line)).length;
}

export function sizeViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    if (isTest(path)) return [];
    const lines = codeLines(text);
    const allowed = exceptions.find((exception) => exception.path === path)?.lines ?? linesMax;
    return lines > allowed ? [`${path} has ${lines} lines, at most ${allowed} are allowed`] : [];
  });
}

/** An exception may only shrink: one that is larger than its file has become is out of date. */
export function staleExceptions(files: readonly SourceFile[]): string[] {
  return exceptions.flatMap(({ path, lines }) => {
    const file = files.find((candidate) => candidate.path === path);
    const actual = file === undefined ? 0 : codeLines(file.text);
    return actual < lines ? [`${path} has shrunk to ${actual}: lower its exception`] : [];
  });
}
