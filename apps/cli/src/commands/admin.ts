import type { Json } from '@tidemark/sessions-client';
import { type Call, type Command, required, UsageMistake } from '../command.ts';
import { type ExitCode, exitCodes } from '../environment.ts';
import { jsonLine, line, table, tell } from '../printing.ts';

export const admin: Command = {
  name: 'admin',
  summary: 'tenants, their keys and quotas, the fold level: with the admin key',
  positionals: 'ACTION [TENANT] [KEY]',
  options: {
    name: { value: 'NAME', help: 'of a new key' },
    scope: { value: 'SCOPE', isList: true, help: 'of a new key: read, append, steer, admin' },
    overlap: { value: 'SECONDS', help: 'in which a rotated key is still good' },
    quota: { value: 'NAME=N', isList: true, help: 'of quotas; those left out have no bound' },
    partitions: { value: 'N', help: 'of a new tenant’s topic' },
    pooled: { help: 'a new tenant among others in one topic' },
    bucket: { value: 'NAME', help: 'where a new tenant’s objects lie, not in the server’s own' },
    region: { value: 'NAME', help: 'of the bucket' },
    endpoint: { value: 'URL', help: 'of an S3 server other than Amazon’s' },
    prefix: { value: 'TEXT', help: 'what stands before every key in the bucket' },
    'access-key': {
      value: 'ID',
      help: 'that opens the bucket; its secret is in TIDEMARK_BUCKET_SECRET',
    },
    role: { value: 'ARN', help: 'that the server assumes to open the bucket' },
    'external-id': { value: 'TEXT', help: 'that the role wants to hear' },
    encryption: { value: 'NAME', help: 'of objects in the bucket: AES256 or aws:kms' },
    'kms-key': { value: 'ID', help: 'of aws:kms' },
    level: { value: 'N', help: 'of level' },
  },
  notes: [
    'Actions:',
    '  tenants                  all of them',
    '  tenant TENANT            one',
    '  create TENANT            a new one, with its first key',
    '  bucket TENANT            its bucket is reached so from now on; which it is stays',
    '  suspend, resume TENANT   its keys open nothing, or do again',
    '  quotas TENANT            sets --quota: appendsPerSecond, bytesPerSecond, liveConnections, eventBytes, sessionsPerHour',
    '  keys TENANT              its keys, not the secrets',
    '  key TENANT               a new key',
    '  rotate TENANT KEY        a new key in place of one',
    '  revoke TENANT KEY        opens nothing from now on',
    '  level                    raises the fold level to --level',
  ],
  examples: [
    'admin create acme',
    'admin key acme --name ci --scope read',
    'admin keys acme --json',
  ],
  run: async (call) => {
    const action = required(call, 0, 'ACTION');
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (act === undefined) throw new UsageMistake(`there is no action ${action}`);
    return act(call);
  },
};

type Action = (call: Call) => Promise<ExitCode>;

const tenantsPath = '/v1/admin/tenants';

const tenantPath = (call: Call): string =>
  `${tenantsPath}/${encodeURIComponent(required(call, 1, 'TENANT'))}`;

const keyPath = (call: Call): string =>
  `${tenantPath(call)}/keys/${encodeURIComponent(required(call, 2, 'KEY'))}`;

async function told(call: Call, answer: Json): Promise<ExitCode> {
  const words = Object.entries(answer).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  await tell(call, answer, table(words));
  return exitCodes.done;
}

async function listed(call: Call, path: string, columns: readonly string[]): Promise<ExitCode> {
  const { client, isJson, environment } = call;
  const { data } = await client.json<{ readonly data: readonly Json[] }>(path);
  const cell = (value: unknown): string =>
    typeof value === 'string' ? value : JSON.stringify(value ?? null);
  if (isJson) for (const each of data) await jsonLine(environment.out, each);
  else {
    const rows = data.map((each) => columns.map((column) => cell(each[column])));
    await line(environment.out, table([columns.map((name) => name.toUpperCase()), ...rows]));
  }
  return exitCodes.done;
}

const posted = async (call: Call, path: string, body: Json = {}): Promise<ExitCode> =>
  told(call, await call.client.json(path, { method: 'POST', body }));

const quotasOf = (call: Call): Json =>
  Object.fromEntries(
    call.texts('quota').map((pair) => {
      const [, name, value] = /^(\w+)=(\d+)$/.exec(pair) ?? [];
      if (name === undefined) throw new UsageMistake('--quota is NAME=N');
      return [name, Number(value)];
    }),
  );

const given = (name: string, value: unknown): Json =>
  value === undefined ? {} : { [name]: value };

function bucketOf(call: Call): Json | undefined {
  const name = call.text('bucket');
  if (name === undefined) return undefined;
  const accessKeyId = call.text('access-key');
  const secretAccessKey = call.environment.env['TIDEMARK_BUCKET_SECRET'];
  if (accessKeyId !== undefined && secretAccessKey === undefined) {
    throw new UsageMistake('the secret of --access-key is expected in TIDEMARK_BUCKET_SECRET');
  }
  return {
    name,
    ...given('region', call.text('region')),
    ...given('endpoint', call.text('endpoint')),
    ...given('prefix', call.text('prefix')),
    ...(accessKeyId === undefined ? {} : { accessKeyId, secretAccessKey }),
    ...given('roleArn', call.text('role')),
    ...given('externalId', call.text('external-id')),
    ...given('encryption', call.text('encryption')),
    ...given('kmsKeyId', call.text('kms-key')),
  };
}

const actions: Readonly<Record<string, Action>> = {
  tenants: (call) => listed(call, tenantsPath, ['id', 'placement', 'suspended', 'key_count']),
  tenant: async (call) => told(call, await call.client.json(tenantPath(call))),
  create: (call) =>
    posted(call, tenantsPath, {
      id: required(call, 1, 'TENANT'),
      ...given('partitions', call.count('partitions')),
      ...(call.has('pooled') ? { pooled: true } : {}),
      ...given('bucket', bucketOf(call)),
    }),
  bucket: (call) => {
    const bucket = bucketOf(call);
    if (bucket === undefined) throw new UsageMistake('--bucket is missing');
    return posted(call, tenantPath(call), { bucket });
  },
  suspend: (call) => posted(call, `${tenantPath(call)}/suspend`),
  resume: (call) => posted(call, `${tenantPath(call)}/resume`),
  quotas: (call) => posted(call, tenantPath(call), { quotas: quotasOf(call) }),
  keys: (call) =>
    listed(call, `${tenantPath(call)}/keys`, ['id', 'name', 'scopes', 'created_at', 'expires_at']),
  key: (call) => {
    const scopes = call.texts('scope');
    const name = given('name', call.text('name'));
    return posted(call, `${tenantPath(call)}/keys`, {
      ...name,
      ...(scopes.length === 0 ? {} : { scopes }),
    });
  },
  rotate: (call) =>
    posted(call, `${keyPath(call)}/rotate`, given('overlap_seconds', call.count('overlap'))),
  revoke: async (call) => told(call, await call.client.json(keyPath(call), { method: 'DELETE' })),
  level: (call) => {
    const level = call.count('level');
    if (level === undefined) throw new UsageMistake('--level is missing');
    return posted(call, '/v1/admin/level', { level });
  },
};
