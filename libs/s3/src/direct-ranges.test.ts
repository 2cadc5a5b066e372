// Ranged reads past the client, against a server that says what it was asked; real servers are in s3-store.int.test.ts.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectStore } from '@tidemark/ports';
import { bytesOf, textOf } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { storeOver } from './testing/store-over.ts';

/** Who asked for it: the client counts its requests in a header. */
const askerOf = ({ headers }: IncomingMessage): string =>
  headers['amz-sdk-request'] === undefined ? 'we' : 'the client';

const content = bytesOf('0123456789');

function give({ headers }: IncomingMessage, response: ServerResponse): void {
  const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const piece = content.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, { etag: '"e"', 'content-length': piece.length }).end(piece);
}

async function read(store: ObjectStore, key: string, firstByte: number): Promise<string> {
  const object = await store.getRange(key, { firstByte, endByte: firstByte + 3 });
  return object === undefined ? 'missing' : `${textOf(object.body)} ${object.etag}`;
}

describe('ranged reads', () => {
  test('but for the first are asked for as the client does, and not by it', async () => {
    const { store, asked } = await storeOver(give, { prefix: 'p q/', region: 'eu-north-1' });
    const key = "shards/t/ü (1)'!*/a+b~c";
    expect(await read(store, key, 0)).toBe('012 "e"');
    expect(await read(store, key, 4)).toBe('456 "e"');
    expect(await read(store, 'other', 7)).toBe('789 "e"');
    expect(asked.map(askerOf)).toEqual(['the client', 'we', 'we']);
    const [first, second, third] = asked;
    expect(first?.url).toBe(`${second?.url}?x-id=GetObject`);
    expect(third?.url).toBe('/b/p%20q/other');
    for (const name of ['host', 'user-agent', 'x-amz-content-sha256']) {
      expect([name, second?.headers[name]]).toEqual([name, first?.headers[name]]);
    }
    const scope = /^AWS4-HMAC-SHA256 Credential=a\/\d+\/eu-north-1\/s3\/aws4_request, /;
    expect(second?.headers.authorization).toMatch(scope);
  });

  test.each([404, 416, 403, 500, 200])(
    'answered with %i are asked for again by the client',
    async (status) => {
      let isPlain = true;
      const { store, asked } = await storeOver((request, response) => {
        if (isPlain) return give(request, response);
        const head = request.method === 'HEAD' ? { 'content-length': 10 } : {};
        response.writeHead(request.method === 'HEAD' ? 200 : status, { etag: '"e"', ...head });
        return response.end();
      });
      await read(store, 'k', 0);
      isPlain = false;
      const said = await read(store, 'k', 1).catch(({ reason }: { reason: string }) => reason);
      const meant = { 404: 'missing', 416: ' "e"', 403: 'denied', 500: 'unavailable', 200: ' "e"' };
      expect(said).toBe(meant[status as keyof typeof meant]);
      expect(asked.slice(0, 3).map(askerOf)).toEqual(['the client', 'we', 'the client']);
    },
  );

  test('that are cut short are repeated', async () => {
    let cuts = 2;
    const { store, asked } = await storeOver((request, response) => {
      if (asked.length === 1 || cuts === 0) return give(request, response);
      cuts -= 1;
      response.writeHead(206, { etag: '"e"', 'content-length': 3 }).write('4');
      setTimeout(() => response.destroy(), 5);
      return response;
    });
    await read(store, 'k', 0);
    expect(await read(store, 'k', 4)).toBe('456 "e"');
    expect(asked.length).toBe(4);
  });

  test('end with their signal, also in the middle of an answer', async () => {
    const controller = new AbortController();
    const { store, asked } = await storeOver((request, response) => {
      if (asked.length === 1) return give(request, response);
      response.writeHead(206, { etag: '"e"', 'content-length': 3 }).write('4');
      setTimeout(() => controller.abort(), 20);
      return response;
    });
    await read(store, 'k', 0);
    const ended = store.getRange('k', { firstByte: 4, endByte: 7 }, controller.signal);
    await expect(ended).rejects.toMatchObject({ reason: 'aborted' });
  });

  test('of a bucket whose sessions are signed for are left to the client', async () => {
    const session =
      '<CreateSessionResult><Credentials><AccessKeyId>x</AccessKeyId>' +
      '<SecretAccessKey>y</SecretAccessKey><SessionToken>z</SessionToken>' +
      '<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>';
    const { store, asked } = await storeOver(
      (request, response) => {
        if (request.url?.includes('session') === true) return response.end(session);
        return give(request, response);
      },
      { bucket: 'b--use1-az4--x-s3' },
    );
    await read(store, 'k', 0);
    await read(store, 'k', 4);
    expect(new Set(asked.map(askerOf))).toEqual(new Set(['the client']));
    expect(asked.at(-1)?.headers['x-amz-s3session-token']).toBe('z');
  });
});
