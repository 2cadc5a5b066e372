import { type S3Server, type SharedS3, s3ForTests, startS3 } from '@tidemark/infra';
import type { ObjectStore } from '@tidemark/ports';
import { describeObjectStore } from '@tidemark/ports/testing';
import { bytesOf, textOf } from '@tidemark/std';
import { beforeAll, describe, expect, test } from 'vitest';
import { openPlainStore } from './testing/plain-store.ts';

const open = (server: SharedS3 | S3Server, secret?: string): Promise<ObjectStore> =>
  openPlainStore({
    bucket: server.bucket,
    region: server.region,
    endpoint: server.endpoint,
    prefix: 'tests/',
    accessKeyId: server.accessKeyId,
    secretAccessKey: secret ?? server.secretAccessKey,
  });

const servers: (readonly [name: string, start: () => Promise<SharedS3>])[] = [
  ['the S3 store over the default server', () => s3ForTests()],
];
// A second opinion, by TIDEMARK_TEST_SEAWEEDFS=1: its races take seconds each, all on its side.
if (process.env['TIDEMARK_TEST_SEAWEEDFS'] === '1') {
  servers.push(['the S3 store over SeaweedFS', () => startS3({ server: 'seaweedfs' })]);
}

for (const [name, start] of servers) {
  describeObjectStore(name, async () => {
    const server = await start();
    console.log(`${name}: ${server.name}, process ${server.pid}, ${server.endpoint}`);
    const [store, secondHandle] = await Promise.all([open(server), open(server)]);
    return {
      store,
      secondHandle,
      listsByFolder: server.name === 'seaweedfs',
      [Symbol.asyncDispose]: async () => {
        await store[Symbol.asyncDispose]();
        await secondHandle[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });
}

describe('the S3 store and its server', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
    return () => server[Symbol.asyncDispose]();
  });

  test('a wrong secret is denied', async () => {
    await using store = await open(server, 'wrong');
    const denied = { reason: 'denied', effect: 'none' };
    await expect(store.putIfAbsent('a', bytesOf('x'))).rejects.toMatchObject(denied);
    await expect(store.get('a')).rejects.toMatchObject(denied);
  });

  test('ranges are what was written, whatever the key has in it', async () => {
    await using store = await open(server);
    for (const key of ['plain/key', "ü (1)'!*/a+b~c =&%25?#/x  y", '🌊/"quoted"@:;,$']) {
      await store.putIfAbsent(key, bytesOf('0123456789'));
      const found = [];
      for (const firstByte of [0, 3, 7]) {
        const object = await store.getRange(key, { firstByte, endByte: firstByte + 4 });
        found.push(textOf(object?.body ?? bytesOf('missing')));
      }
      expect(found).toEqual(['0123', '3456', '789']);
      const missing = await store.getRange(`${key}-`, { firstByte: 0, endByte: 1 });
      expect(missing).toBeUndefined();
      expect((await store.getRange(key, { firstByte: 10, endByte: 12 }))?.body).toHaveLength(0);
    }
  });

  test('a server that is gone is unavailable, and nothing was written', async () => {
    await using store = await open(server);
    expect((await store.putIfAbsent('kept', bytesOf('x'))).kind).toBe('stored');
    await server.kill('SIGKILL');
    const gone = store.putIfAbsent('b', bytesOf('x'));
    await expect(gone).rejects.toMatchObject({ reason: 'unavailable' });
    const again = store.putIfAbsent('b', bytesOf('x'));
    await expect(again).rejects.toMatchObject({ reason: 'unavailable', effect: 'none' });
  });
});
