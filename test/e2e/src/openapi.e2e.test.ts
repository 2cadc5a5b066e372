// Requests made from the document itself, well formed and not: whatever is asked, the server answers, knows why it
// refuses, and stands.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}

interface Operation {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Record<string, unknown> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

let server: OwnServer;
let tenant: TestTenant;
let document: Document;

beforeAll(async () => {
  server = await startOwnServer('openapi', { TIDEMARK_ADMIN_KEY: adminKey });
  tenant = await makeTenant(server.url);
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
  await makeThings();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** Names of things that are there, so that not everything is a 404. */
async function makeThings(): Promise<void> {
  for (const session of ['one', 'two']) {
    const event = { type: 'session.thread_created', session_thread_id: 'sthr_1' };
    await ask({
      method: 'POST',
      path: `/v1/sessions/${session}/events`,
      body: JSON.stringify(event),
    });
    await ask({ method: 'PUT', path: `/v1/sessions/${session}/facts/known`, body: '1' });
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

function ask({ method, path, headers = {}, body }: Request): Promise<Response> {
  const isAdmin = path.startsWith('/v1/admin');
  const key = isAdmin ? { authorization: `Bearer ${adminKey}` } : { 'x-api-key': tenant.key };
  return fetch(`${server.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers, ...key },
    signal: AbortSignal.timeout(15_000),
    ...(body === undefined ? {} : { body }),
  });
}

function resolved(schema: Schema): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  return document.components.schemas[reference.slice('#/components/schemas/'.length)] ?? {};
}

const hostile = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '\0', '..', '%00', '{"__proto__":{}}', '9'.repeat(400), '\u202e'),
);

function textOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema['format'] === 'date-time') {
    return fc.oneof(
      fc.date({ noInvalidDate: true }).map(String),
      fc.constant('2026-01-01T00:00:00Z'),
    );
  }
  if (schema['pattern'] !== undefined) return fc.nat().map(String);
  return fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom('one', 'user.message', 'x'.repeat(600)),
  );
}

/** What fits the schema, for the most part. */
function valueOf(given: Schema, depth = 0): fc.Arbitrary<unknown> {
  const schema = resolved(given);
  if (depth > 5) return fc.constant(null);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (Array.isArray(schema['anyOf'])) {
    return fc.oneof(...(schema['anyOf'] as Schema[]).map((each) => valueOf(each, depth + 1)));
  }
  switch (schema['type']) {
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.oneof(fc.nat(), fc.integer(), fc.constantFrom(0, 1, 2 ** 53, -1, 1.5));
    case 'number':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valueOf(schema['items'] as Schema, depth + 1), { maxLength: 3 });
    case 'object': {
      const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
      const members = properties.map(([name, each]) => [name, valueOf(each, depth + 1)] as const);
      return fc.record(Object.fromEntries(members), {
        requiredKeys: (schema['required'] ?? []) as never[],
      });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const spelled = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

function requestOf(path: string, method: string): fc.Arbitrary<Request> {
  const operation = document.paths[path]?.[method] as Operation;
  const named = operation.parameters.map((parameter) => {
    const known = fc.constantFrom('one', 'two', 'known', '0', 'sthr_1', 'missing', tenant.id);
    const value = parameter.in === 'path' ? known : valueOf(parameter.schema);
    return fc.record({
      parameter: fc.constant(parameter),
      isSent: fc.boolean(),
      value: fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: hostile }),
    });
  });
  const schema = operation.requestBody?.content['application/json']?.schema;
  const body =
    schema === undefined
      ? fc.constant(undefined)
      : fc.oneof(
          { weight: 4, arbitrary: valueOf(schema).map((value) => JSON.stringify(value)) },
          { weight: 1, arbitrary: hostile },
        );
  return fc.record({ values: fc.tuple(...named), body }).map(({ values, body: sent }) => {
    let at = path;
    const query = new URLSearchParams();
    const headers: Record<string, string> = {};
    for (const { parameter, isSent, value } of values) {
      const text = spelled(value);
      const { name } = parameter;
      if (parameter.in === 'path') {
        at = at.replace(`{${name}}`, encodeURIComponent(text.toWellFormed()) || 'x');
      } else if (isSent && parameter.in === 'query') query.append(name, text);
      else if (isSent) headers[name] = text.replaceAll(/[^\x20-\x7e]/g, '?').trim();
    }
    const search = query.size === 0 ? '' : `?${query.toString()}`;
    return {
      method: method.toUpperCase(),
      path: `${at}${search}`,
      headers,
      body: sent ?? undefined,
    };
  });
}

const perOperation = 40;

test('thousands of requests made from the document: no 5xx, no silence, and every refusal says why', async () => {
  let asked = 0;
  const statuses = new Map<number, number>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const property = fc.asyncProperty(requestOf(path, method), async (request) => {
        // A tenant without its key, or without room, would end the run; the level has a test of its own.
        if (/suspend|keys|level|\/v1\/admin\/tenants\/[^/]+$/.test(path) && method !== 'get')
          return;
        const response = await ask(request);
        asked += 1;
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        expect(response.status).toBeLessThan(500);
        const type = response.headers.get('content-type') ?? '';
        if (type.startsWith('text/event-stream')) {
          await response.body?.cancel();
          return;
        }
        const text = await response.text();
        if (response.status < 400) return;
        const error = JSON.parse(text) as {
          error?: { code?: string; message?: string };
          code?: string;
        };
        expect(error.error?.code ?? error.code).toMatch(/^[a-z-]+$/);
      });
      await fc.assert(property, { numRuns: perOperation, seed: 7 });
    }
  }
  expect(asked).toBeGreaterThan(1_500);
  expect(statuses.get(200)).toBeGreaterThan(200);
  expect(statuses.get(400)).toBeGreaterThan(100);
  const health = await fetch(`${server.url}/readyz`);
  expect(health.status).toBe(200);
});
