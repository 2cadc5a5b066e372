import type { Package } from './repository.ts';

/** What a role is made of: the libraries, and in its main.ts the adapters. */
const role = [
  'std',
  'protocol',
  'ports',
  'session',
  'tables',
  'replica',
  'platform',
  'edge',
  'kafka',
  's3',
  'disk',
  'telemetry',
] as const;

/** What each package may depend on among ours. A package that is missing here fails: decide where it stands. */
const sees: Readonly<Record<string, readonly string[]>> = {
  std: [],
  protocol: ['std'],
  ports: ['std'],
  session: ['std', 'protocol', 'ports'],
  tables: ['std', 'protocol', 'ports'],
  replica: ['std', 'protocol', 'ports', 'session', 'tables'],
  platform: ['std', 'protocol', 'ports', 'session', 'replica'],
  edge: ['std', 'protocol', 'ports', 'session', 'replica', 'platform'],
  kafka: ['std', 'ports'],
  s3: ['std', 'ports'],
  disk: ['std', 'ports'],
  telemetry: ['std', 'ports'],
  ingest: role,
  read: role,
  relay: role,
  server: [...role, 'ingest', 'read', 'relay'],
  infra: ['std'],
  // Tests and benchmarks stand above everything, but the checker judges production code and so
  // imports none of it.
  checker: [],
  tidy: [],
  suite: ['infra'],
};

const above = new Set(['conformance', 'integration', 'sim', 'chaos', 'e2e', 'browser', 'bench']);

export function layerViolations(packages: readonly Package[]): string[] {
  return packages.flatMap(({ name, dependencies }) => {
    if (above.has(name)) return [];
    const allowed = sees[name];
    if (allowed === undefined) return [`${name} is not in the layer table`];
    return dependencies
      .filter((dependency) => dependency.startsWith('@tidemark/'))
      .map((dependency) => dependency.slice('@tidemark/'.length))
      .filter((dependency) => !allowed.includes(dependency))
      .map((dependency) => `${name} may not depend on ${dependency}`);
  });
}
