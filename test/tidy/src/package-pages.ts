import type { SourceFile } from './repository.ts';

/** A file as a page names it: a path below the package or the repository, or a bare name; `*` stands for any part. */
const named = /`([\w@*./-]+\.(?:ts|js|py|css|json|yaml|conf))`/g;

function isThere(path: string, folder: string, paths: readonly string[]): boolean {
  const pattern = path.replace(/[.]/g, '\\.').replaceAll('*', '[\\w-]*');
  const inside = new RegExp(`^${folder}/(.*/)?${pattern}$`);
  const anywhere = new RegExp(`^${pattern}$`);
  return paths.some((each) => inside.test(each) || anywhere.test(each));
}

/** Each package has a page for whoever opens its folder, and what that names is there. */
export function pageViolations(
  folders: readonly string[],
  pages: readonly SourceFile[],
  paths: readonly string[],
): string[] {
  const textOf = new Map(pages.map(({ path, text }) => [path, text]));
  return folders.flatMap((folder) => {
    const text = textOf.get(`${folder}/README.md`);
    if (text === undefined) return [`${folder} has no README.md`];
    return [...text.matchAll(named)]
      .map(([, path]) => path as string)
      .filter((path) => !isThere(path, folder, paths))
      .map((path) => `${folder}/README.md names ${path}, which is not there`);
  });
}
