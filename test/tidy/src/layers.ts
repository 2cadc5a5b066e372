import type { Package } from './repository.ts';

/** What a role is made of: the libraries, and in its main.ts the adapters. */
const role = [
  'std',
  'protocol',
  'ports',
  'auth',
  'session',
  'sessions-api',
  'agents-api',
  'otlp',
  'tables',
  'replica',
  'search',
  'session-search',
  'segments',
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
  auth: ['std', 'protocol'],
  session: ['std', 'protocol', 'ports', 'auth'],
  'sessions-api': ['std', 'protocol', 'auth', 'session'],
  'agents-api': ['std', 'protocol', 'session', 'sessions-api'],
  otlp: [],
  parquet: [],
  tables: ['std', 'protocol', 'ports'],
  replica: ['std', 'protocol', 'ports', 'auth', 'session', 'tables'],
  search: ['std', 'protocol', 'ports', 'tables'],
  'session-search': ['std', 'protocol', 'ports', 'sessions-api', 'tables', 'replica', 'search'],
  segments: ['std', 'protocol', 'ports', 'session', 'parquet', 'tables', 'replica'],
  platform: ['std', 'protocol', 'ports', 'auth', 'session', 'replica'],
  edge: ['std', 'protocol', 'ports', 'auth', 'session', 'replica', 'platform'],
  kafka: ['std', 'ports'],
  s3: ['std', 'ports'],
  disk: ['std', 'ports'],
  telemetry: ['std', 'ports'],
  ingest: role,
  // Static pages: what they show they ask of the server, as anybody does.
  dashboard: ['std', 'platform', 'edge'],
  // Its tools for models ask as anybody does: the client of outside is theirs.
  read: [...role, 'dashboard', 'mcp', 'sessions-client'],
  relay: role,
  materializer: role.filter((name) => name !== 'edge'),
  tiering: role.filter((name) => name !== 'edge'),
  // It reads a bucket, and makes what it finds again over HTTP, as any client would.
  restore: [
    'std',
    'protocol',
    'ports',
    'session',
    'replica',
    'segments',
    'platform',
    's3',
    'disk',
    'sessions-client',
  ],
  server: [...role, 'ingest', 'read', 'relay', 'materializer', 'tiering', 'dashboard'],
  // What stands outside and speaks to the server over HTTP: none of the server's own code.
  'sessions-client': ['protocol', 'client'],
  'agent-formats': [],
  'agent-stores': ['agent-formats', 'sessions-client'],
  mcp: ['sessions-client'],
  // A replay writes files, and into a topic: with the adapters, and nothing that decides or folds.
  cli: [
    'agent-formats',
    'sessions-client',
    'mcp',
    'parquet',
    'otlp',
    'std',
    'protocol',
    'ports',
    'kafka',
    'platform',
  ],
  // Published: it sees nothing of ours, and speaks as anybody may.
  client: [],
  // Stands outside too; what it opens of a tenant's it opens as the server seals it.
  worker: ['std', 'ports', 'auth', 'client', 'platform', 'telemetry'],
  infra: ['std'],
  // Tests and benchmarks stand above everything, but the checker judges production code and so
  // imports none of it.
  checker: [],
  tidy: [],
  suite: ['infra'],
};

const above = new Set([
  'conformance',
  'integration',
  'sim',
  'chaos',
  'e2e',
  'browser',
  'clients',
  'bench',
]);

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
