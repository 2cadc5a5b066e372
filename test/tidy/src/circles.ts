import { dirname, join } from 'node:path/posix';
import { importsIn, isTest, type SourceFile } from './repository.ts';

/** Files of one package that import one another in a circle, imports of types included. */
export function circleViolations(files: readonly SourceFile[]): string[] {
  const imports = new Map(
    files
      .filter(({ path }) => !isTest(path))
      .map((file) => [
        file.path,
        importsIn(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => join(dirname(file.path), specifier)),
      ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) circles.push([...trail.slice(at), path].join(' -> '));
    if (at !== -1 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return circles;
}
