import { importsIn, isTest, type Package, type SourceFile } from './repository.ts';

/** A vendor is imported by one package. */
const vendorHomes: Readonly<Record<string, string>> = {
  kafkajs: 'libs/kafka/',
  '@aws-sdk': 'libs/s3/',
  '@smithy': 'libs/s3/',
  pino: 'libs/telemetry/',
  'prom-client': 'libs/telemetry/',
  fastify: 'libs/edge/',
  ws: 'libs/edge/',
  elasticlunr: 'libs/search/',
  preact: 'apps/dashboard/',
  '@preact': 'apps/dashboard/',
  '@tanstack': 'apps/dashboard/',
  htm: 'apps/dashboard/',
  uplot: 'apps/dashboard/',
  testcontainers: 'infra/',
};

/** A scope counts as one vendor. */
const vendorOf = (specifier: string): string => specifier.split('/')[0] ?? specifier;

/** Raw clients to compare with, and to look at the log from outside. */
const mayMeasureVendors = /^(bench|libs\/kafka\/bench|test\/(conformance|integration|chaos|e2e))\//;

export function vendorViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsIn(file).flatMap((specifier) => {
      const home = vendorHomes[vendorOf(specifier)];
      const isHome = home === undefined || file.path.startsWith(home);
      return isHome || mayMeasureVendors.test(file.path)
        ? []
        : [`${file.path} imports ${specifier}, which belongs to ${home}`];
    }),
  );
}

const adapters = new Set(['kafka', 's3', 'disk', 'telemetry']);

/** Adapters are chosen in main.ts, and nowhere else. */
export function adapterViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const isComposed = /\/(main|settings)\.ts$/.test(file.path) || isTest(file.path);
    if (isComposed || file.path.startsWith('bench/')) return [];
    return importsIn(file)
      .filter((specifier) => adapters.has(specifier.replace('@tidemark/', '')))
      .map((specifier) => `${file.path} imports the adapter ${specifier}`);
  });
}

/** A power is a door, and the folders that may open it. */
const doors: Readonly<Record<string, RegExp>> = {
  '@tidemark/replica/write': /^(apps\/(ingest|read|relay)|libs\/platform)\//,
};

export function doorViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsIn(file).flatMap((specifier) => {
      if (isTest(file.path) || file.path.startsWith('bench/')) return [];
      if (specifier.endsWith('/testing')) return [`${file.path} imports ${specifier}`];
      const folders = doors[specifier];
      return folders === undefined || folders.test(file.path)
        ? []
        : [`${file.path} may not open ${specifier}`];
    }),
  );
}

/** Every import of a package is declared by the package that the file lies in. */
export function undeclaredImports(
  files: readonly SourceFile[],
  packages: readonly Package[],
): string[] {
  return files.flatMap((file) => {
    const home = packages
      .filter(({ folder }) => file.path.startsWith(`${folder}/`))
      .sort((one, other) => other.folder.length - one.folder.length)[0];
    if (home === undefined) return [];
    const declared = [...home.dependencies, ...(isTest(file.path) ? home.devDependencies : [])];
    return importsIn(file)
      .filter((specifier) => specifier.startsWith('@tidemark/'))
      .map((specifier) => specifier.split('/').slice(0, 2).join('/'))
      .filter((name) => name !== `@tidemark/${home.name}` && !declared.includes(name))
      .map((name) => `${file.path} imports ${name}, which ${home.name} does not declare`);
  });
}
