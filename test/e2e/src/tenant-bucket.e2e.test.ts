// Tenants with buckets of their own, on real S3 servers: what is a tenant's lies in its bucket alone, is read, erased,
// exported and restored from there, and one whose credentials go wrong harms nobody else.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  inheritedSettings,
  makeBucket,
  type S3Address,
  s3Settings,
  startS3,
} from '@tidemark/infra';
import { openPlainStore } from '@tidemark/s3/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

const patience = { timeout: 120_000, interval: 200 };

interface Bucket {
  readonly name: string;
  readonly prefix?: string;
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const bucketOf = (s3: S3Address, changed: Partial<Bucket> = {}): Bucket => {
  const { endpoint, bucket: name, accessKeyId, secretAccessKey } = s3;
  return { name, endpoint, accessKeyId, secretAccessKey, ...changed };
};

async function keysIn(s3: S3Address, bucket = s3.bucket): Promise<readonly string[]> {
  await using store = await openPlainStore({ ...s3, bucket });
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

async function asOperator(url: string, path: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${adminKey}` };
  return fetch(`${url}/v1/admin/tenants${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
}

class Sessions {
  readonly #url: () => string;
  readonly #tenant: TestTenant;
  readonly #sent: string[] = [];

  constructor(url: () => string, tenant: TestTenant) {
    this.#url = url;
    this.#tenant = tenant;
  }

  async ask(path: string, method = 'GET', body?: unknown): Promise<Response> {
    return fetch(`${this.#url()}${path}`, {
      method,
      headers: { 'x-api-key': this.#tenant.key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async append(count: number): Promise<void> {
    for (let event = 0; event < count; event += 1) {
      const note = `${this.#tenant.id} ${this.#sent.length}`;
      const body = { type: 'agent.note', note };
      const answer = await this.ask('/v1/sessions/one/events', 'POST', body);
      if (!answer.ok) throw new Error(`not appended. ${answer.status} ${await answer.text()}`);
      this.#sent.push(note);
    }
  }

  get sent(): readonly string[] {
    return this.#sent;
  }

  /** Everything, as it is read now. */
  async read(): Promise<readonly string[]> {
    const answer = await this.ask('/v1/sessions/one/events?limit=1000');
    if (!answer.ok) throw new Error(`not read. ${answer.status} ${await answer.text()}`);
    const { data } = (await answer.json()) as { readonly data: readonly { note: string }[] };
    return data.map(({ note }) => note);
  }
}

describe('a tenant with a bucket of its own', () => {
  let own: Awaited<ReturnType<typeof startS3>>;
  let other: Awaited<ReturnType<typeof startS3>>;
  let otherFolder: string;
  let folder: string;
  let settings: Record<string, string>;
  let server: OwnServer;
  let tenants: Record<'acme' | 'beta' | 'plain', TestTenant>;
  let sessions: Record<'acme' | 'beta' | 'plain', Sessions>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-buckets-'));
    otherFolder = await mkdtemp(join(tmpdir(), 'tidemark-other-s3-'));
    own = await startS3();
    other = await startS3({ dataFolder: otherFolder, bucket: 'beta' });
    await makeBucket({ ...own, bucket: 'acme' });
    settings = {
      TIDEMARK_DATA_DIR: folder,
      TIDEMARK_ADMIN_KEY: adminKey,
      TIDEMARK_SEALING_KEY: 'what these tests seal with',
      TIDEMARK_SEGMENT_MS: '1000',
      TIDEMARK_PUBLISH_MS: '1000',
      TIDEMARK_ERASE_MS: '1000',
      TIDEMARK_LOG_KEEP_MIB: '0',
      ...s3Settings(own),
    };
    server = await startOwnServer('buckets', settings);
    const acme = bucketOf(own, { name: 'acme', prefix: 'logs/' });
    tenants = {
      acme: await makeTenant(server.url, { bucket: acme }),
      beta: await makeTenant(server.url, { bucket: bucketOf(other) }),
      plain: await makeTenant(server.url),
    };
    const url = (): string => server.url;
    sessions = {
      acme: new Sessions(url, tenants.acme),
      beta: new Sessions(url, tenants.beta),
      plain: new Sessions(url, tenants.plain),
    };
  }, 240_000);

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await own?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
  });

  const restart = async (): Promise<void> => {
    server.app.kill('SIGKILL');
    await server.app.ended;
    server = await startOwnServer('buckets', settings);
  };

  const segments = async (s3: S3Address, bucket: string, tenant: TestTenant) => {
    const keys = await keysIn(s3, bucket);
    return keys.filter((key) => key.includes(`/${tenant.topic}/`) && key.includes('/segments/'));
  };

  test('is refused a bucket that cannot be used, with what is missing', async () => {
    const refusal = async (bucket: unknown): Promise<string> => {
      const answer = await asOperator(server.url, '', { id: 'never', bucket });
      expect(answer.status).toBe(400);
      return ((await answer.json()) as { readonly detail: string }).detail;
    };
    const wrong = bucketOf(other, { secretAccessKey: 'wrong' });
    expect(await refusal(wrong)).toContain('writing an object: denied');
    expect(await refusal(bucketOf(other, { name: 'nowhere' }))).toContain('missing');
    expect(await refusal({ ...bucketOf(other), kmsKeyId: 'k' })).toContain('aws:kms');
    expect(await refusal({ name: 'b', endpoint: 'file:///etc' })).toContain('endpoint');
    expect(await refusal({ name: 'b', accessKeyId: 'k' })).toContain('come together');
    expect(await keysIn(other)).toEqual([]);
    const pooled = { id: 'never', pooled: true, bucket: bucketOf(other) };
    expect((await asOperator(server.url, '', pooled)).status).toBe(400);
  });

  test('has its objects there and nowhere else, and reads them there once the log has let go', async () => {
    await Promise.all(Object.values(sessions).map((each) => each.append(30)));
    await vi.waitUntil(async () => {
      const found = await Promise.all([
        segments(own, 'acme', tenants.acme),
        segments(other, 'beta', tenants.beta),
        segments(own, own.bucket, tenants.plain),
      ]);
      return found.every((keys) => keys.length > 0);
    }, patience);
    await sessions.acme.append(1);
    const [owns, acmes, betas] = [
      await keysIn(own),
      await keysIn(own, 'acme'),
      await keysIn(other),
    ];
    const { acme, beta, plain } = tenants;
    expect(acmes.every((key) => key.startsWith(`logs/shards/${acme.topic}/`))).toBe(true);
    expect(betas.every((key) => key.startsWith(`shards/${beta.topic}/`))).toBe(true);
    expect(owns.filter((key) => key.includes(acme.topic) || key.includes(beta.topic))).toEqual([]);
    expect(owns.some((key) => key.includes(plain.topic))).toBe(true);
    expect(acmes.some((key) => key.endsWith('/sessions.json'))).toBe(true);
    await vi.waitUntil(async () => isArchived(server.url), patience);
    await restart();
    for (const each of Object.values(sessions)) expect(await each.read()).toEqual(each.sent);
  });

  test('is told without its secret, which lies nowhere in the clear', async () => {
    const headers = { authorization: `Bearer ${adminKey}` };
    const answer = await fetch(`${server.url}/v1/admin/tenants/${tenants.beta.id}`, { headers });
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      bucket: { name: 'beta', accessKeyId: other.accessKeyId },
    });
    expect(text).not.toContain(other.secretAccessKey);
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const bytes = await readFile(join(name.parentPath, name.name));
      expect(bytes.includes(other.secretAccessKey)).toBe(false);
    }
  });

  test('has what was deleted erased there, and its files of the continuous export there', async () => {
    const { acme } = sessions;
    expect((await acme.ask('/v1/export/materialized', 'PUT', { format: 'parquet' })).status).toBe(
      200,
    );
    const note = { type: 'agent.note', note: 'to be erased' };
    await acme.ask('/v1/sessions/gone/events', 'POST', note);
    const files = async (): Promise<readonly string[]> =>
      (await keysIn(own, 'acme')).filter((key) => key.endsWith('.parquet'));
    await vi.waitUntil(async () => (await files()).length > 0, patience);
    await vi.waitUntil(async () => isArchived(server.url), patience);
    await acme.ask('/v1/sessions/gone', 'DELETE');
    await vi.waitUntil(async () => {
      return (await keysIn(own, 'acme')).some((key) => key.includes('/erasures/'));
    }, patience);
    expect((await keysIn(own)).some((key) => key.includes('/erasures/'))).toBe(false);
    expect((await keysIn(own)).some((key) => key.includes('/exports/'))).toBe(false);
    expect(await acme.read()).toEqual(acme.sent);
  });

  test('with credentials that are good no more appends and reads what is hot; others are unharmed', async () => {
    await sessions.beta.append(5);
    const port = Number(new URL(other.endpoint).port);
    await other.kill('SIGKILL');
    const keys = { accessKeyId: other.accessKeyId, secretAccessKey: 'another secret than before' };
    await writeFile(join(otherFolder, 'keys.json'), JSON.stringify(keys));
    other = await startS3({ dataFolder: otherFolder, bucket: 'beta', port });
    await sessions.beta.append(20);
    expect(await sessions.beta.read()).toEqual(sessions.beta.sent);
    await vi.waitUntil(async () => {
      return (await readiness(server.url)).includes(`objects ${tenants.beta.id}`);
    }, patience);
    const before = (await segments(own, 'acme', tenants.acme)).length;
    await sessions.acme.append(20);
    await sessions.plain.append(20);
    await vi.waitUntil(async () => {
      return (await segments(own, 'acme', tenants.acme)).length > before;
    }, patience);
    expect(await sessions.acme.read()).toEqual(sessions.acme.sent);
    expect(await sessions.plain.read()).toEqual(sessions.plain.sent);
    await sessions.beta.append(5);
    expect(await sessions.beta.read()).toEqual(sessions.beta.sent);
  });

  test('is told its new secret, and catches up; it cannot move to another bucket', async () => {
    const path = `/${tenants.beta.id}`;
    const elsewhere = bucketOf(own, { name: 'acme' });
    expect((await asOperator(server.url, path, { bucket: elsewhere })).status).toBe(400);
    const before = (await segments(other, 'beta', tenants.beta)).length;
    expect((await asOperator(server.url, path, { bucket: bucketOf(other) })).status).toBe(200);
    await vi.waitUntil(async () => {
      return (await segments(other, 'beta', tenants.beta)).length > before;
    }, patience);
    await vi.waitUntil(async () => !(await readiness(server.url)).includes('objects '), patience);
    await restart();
    expect(await sessions.beta.read()).toEqual(sessions.beta.sent);
  });

  test('is restored from its bucket alone', async () => {
    await server[Symbol.asyncDispose]();
    await using empty = await startOwnServer('restored', { TIDEMARK_ADMIN_KEY: adminKey });
    const main = resolve(import.meta.dirname, '../../../apps/restore/src/main.ts');
    const env = {
      ...process.env,
      ...inheritedSettings(),
      ...s3Settings(other),
      TIDEMARK_URL: empty.url,
      TIDEMARK_ADMIN_KEY: adminKey,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [main], { env });
    const lines = stdout.trimEnd().split('\n');
    const { tenant, apiKey } = JSON.parse(lines[0] ?? '') as { tenant: string; apiKey: string };
    expect(tenant).toBe(tenants.beta.id);
    const headers = { 'x-api-key': apiKey };
    const path = `${empty.url}/v1/sessions/one/events?limit=1000`;
    const { data } = (await (await fetch(path, { headers })).json()) as { data: unknown[] };
    expect(data).toHaveLength(60);
  });
});

async function readiness(url: string): Promise<string> {
  return (await fetch(`${url}/readyz`)).text();
}

async function isArchived(url: string): Promise<boolean> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return /^tidemark_tiering_waiting_bytes 0$/m.test(page);
}
