// Ranged reads that pass by most of Amazon's client: what it does for each request, beside signing and sending it,
// takes twice as long as those.
//
// (1) Where a bucket is, and as whose it is signed for, the client alone decides: it is read from a request of its own.
// (2) Whatever is not answered plainly is asked again by the client, which knows what an answer means.

import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { StoredObject } from '@tidemark/ports';

type Signer = Awaited<ReturnType<S3Client['config']['signer']>>;
type Request = Parameters<Signer['sign']>[0];

interface Signing {
  readonly signingRegion: string;
  readonly signingService: string;
}

/** How objects of the bucket are asked for. */
interface Way {
  readonly host: Pick<Request, 'method' | 'protocol' | 'hostname' | 'port'>;
  /** Before an object's key. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signer: Signer;
  readonly signing: Signing;
}

/** Of each request: that it has no body, who asks, and whom. */
const keptHeaders = ['host', 'user-agent', 'x-amz-content-sha256'] as const;
const signedFor = /^AWS4-HMAC-SHA256 Credential=[^,]*\/([^/,]+)\/([^/,]+)\/aws4_request,/;
/** By so much the client corrects what it signs itself: its own requests are the ones that pass then. */
const skewMs = 240_000;

export class DirectRanges {
  readonly #client: S3Client;
  #way: Way | undefined;

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** Looks how the client asks for an object, if it is not known. */
  learnFrom(command: GetObjectCommand, key: string): void {
    if (this.#way !== undefined) return;
    command.middlewareStack.add(
      (next) => async (args) => {
        const output = await next(args);
        this.#way ??= await this.#wayOf(args.request as Request, key);
        return output;
      },
      { step: 'finalizeRequest', priority: 'low', name: 'learnDirectRanges' },
    );
  }

  /** Undefined where the client has to be asked. */
  async get(
    key: string,
    range: string,
    abortSignal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const way = this.#way;
    const { systemClockOffset, requestHandler } = this.#client.config;
    if (way === undefined || Math.abs(systemClockOffset) >= skewMs) return undefined;
    const { host, path, headers, signer, signing } = way;
    const asked = { ...host, query: {}, path: path + encoded(key), headers: { ...headers, range } };
    const signed = await signer.sign(asked as Request, signing);
    const { response } = await requestHandler.handle(signed as never, { abortSignal });
    const body = response.body as Readable;
    const { etag, 'content-length': length } = response.headers;
    if (response.statusCode !== 206 || etag === undefined || length === undefined) {
      body.destroy();
      return undefined;
    }
    return { body: await collected(body, Number(length)), etag };
  }

  /** Undefined where it is signed in another manner than this one, or for a while only. */
  async #wayOf(request: Request, key: string): Promise<Way | undefined> {
    const { method, protocol, hostname, port, path, headers } = request;
    const [, signingRegion, signingService] = signedFor.exec(headers['authorization'] ?? '') ?? [];
    const isPlain = headers['x-amz-s3session-token'] === undefined && path.endsWith(encoded(key));
    if (signingRegion === undefined || signingService === undefined || !isPlain) return undefined;
    const signing = { signingRegion, signingService };
    const kept = keptHeaders.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      host: { method, protocol, hostname, ...(port === undefined ? {} : { port }) },
      path: path.slice(0, path.length - encoded(key).length),
      headers: Object.fromEntries(kept),
      signer: await this.#client.config.signer({
        name: 'sigv4',
        signingName: signingService,
        signingRegion,
        properties: {},
      }),
      signing,
    };
  }
}

const unescaped = /[!'()*]/g;

/** As the client has a key in a path. */
const encoded = (key: string): string =>
  key
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(
        unescaped,
        (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');

async function collected(body: Readable, lengthBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  body.on('data', (chunk: Uint8Array) => {
    bytes.set(chunk, at);
    at += chunk.length;
  });
  await finished(body);
  return bytes;
}
