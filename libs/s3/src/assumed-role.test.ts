// A bucket that is opened with a role, and one whose objects are encrypted: against one server that is the token
// service and the store.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ObjectStore } from '@tidemark/ports';
import { bytesOf, Secret, textOf } from '@tidemark/std';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openS3Store, type S3StoreSettings } from './s3-store.ts';
import { plainComponents } from './testing/plain-store.ts';

const assumed = (lifeMs: number): string => `
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>temporary</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>${new Date(Date.now() + lifeMs).toISOString()}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;

const denied = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>not for you</Message></Error></ErrorResponse>`;

class Service {
  readonly assumptions: URLSearchParams[] = [];
  readonly asked: IncomingMessage['headers'][] = [];
  isDenying = false;
  lifeMs = 3_600_000;

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const form = new URLSearchParams(body);
    if (form.get('Action') === 'AssumeRole') {
      this.assumptions.push(form);
      response.writeHead(this.isDenying ? 403 : 200, { 'content-type': 'text/xml' });
      response.end(this.isDenying ? denied : assumed(this.lifeMs));
      return;
    }
    this.asked.push(request.headers);
    if (request.url?.includes('uploads') === true) {
      const told =
        '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
      response.writeHead(200, { 'content-type': 'text/xml' }).end(told);
      return;
    }
    response.writeHead(200, { etag: '"e"' }).end('body');
  }
}

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  vi.unstubAllEnvs();
});

async function storeOf(service: Service, settings: Partial<S3StoreSettings>): Promise<ObjectStore> {
  server = createServer((request, response) => void service.answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('AWS_ENDPOINT_URL_STS', endpoint);
  return openS3Store(plainComponents, {
    bucket: 'b',
    region: 'eu-central-1',
    endpoint,
    accessKeyId: 'own',
    secretAccessKey: new Secret('s'),
    ...settings,
  });
}

const role = { arn: 'arn:aws:iam::1:role/tidemark', externalId: 'acme' };

describe('a bucket that is opened with a role', () => {
  test('is asked with the role’s credentials, which are asked for once while they are good', async () => {
    const service = new Service();
    const store = await storeOf(service, { role });
    expect(textOf((await store.get('k'))?.body ?? bytesOf(''))).toBe('body');
    await store.get('k');
    expect(service.assumptions).toHaveLength(1);
    const [form] = service.assumptions;
    expect([form?.get('RoleArn'), form?.get('ExternalId')]).toEqual([role.arn, 'acme']);
    for (const { authorization, ...headers } of service.asked) {
      expect(authorization).toContain('Credential=temporary/');
      expect(headers['x-amz-security-token']).toBe('token');
    }
  });

  test('has them asked for again before they end', async () => {
    const service = new Service();
    service.lifeMs = 1_000;
    const store = await storeOf(service, { role });
    await store.get('k');
    await store.get('k');
    expect(service.assumptions.length).toBeGreaterThan(1);
  });

  test('that may not be assumed is a refusal', async () => {
    const service = new Service();
    service.isDenying = true;
    const store = await storeOf(service, { role, attemptsMax: 1 });
    await expect(store.get('k')).rejects.toMatchObject({ reason: 'denied', effect: 'none' });
    await expect(store.putIfAbsent('k', bytesOf('x'))).rejects.toMatchObject({
      reason: 'denied',
      effect: 'none',
    });
    expect(service.asked).toEqual([]);
  });
});

describe('encryption', () => {
  test('is asked for with each object, and with none where nothing is said', async () => {
    const service = new Service();
    const encryption = { algorithm: 'aws:kms', keyId: 'key-1' } as const;
    const store = await storeOf(service, { encryption, multipartFromBytes: 100 });
    await store.putIfAbsent('k', bytesOf('x'));
    const told = {
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
    };
    expect(service.asked[0]).toMatchObject(told);
    await store.putIfAbsent('k', new Uint8Array(200)).catch(() => undefined);
    expect(service.asked[1]).toMatchObject(told);
    const plainService = new Service();
    const plain = await storeOf(plainService, {});
    await plain.putIfAbsent('k', bytesOf('x'));
    expect(plainService.asked[0]).not.toHaveProperty('x-amz-server-side-encryption');
  });
});
