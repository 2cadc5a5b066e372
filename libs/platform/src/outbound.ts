// Outgoing HTTP. The name is resolved here, every address it has is judged, and the connection is
// pinned to those that were: a name that resolves differently a moment later changes nothing.

import { lookup as resolve } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import {
  type Clock,
  Fault,
  type Outbound,
  type OutboundRequest,
  type OutboundResponse,
} from '@tidemark/ports';
import { concatBytes } from '@tidemark/std';

interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. */
export type Resolver = (name: string) => Promise<readonly Address[]>;

export interface OutboundParts {
  readonly clock: Clock;
  readonly resolve?: Resolver;
}

const resolveAll: Resolver = (name) => resolve(name, { all: true, verbatim: true });

export function createOutbound({ clock, resolve: resolver = resolveAll }: OutboundParts): Outbound {
  return {
    async post(request, signal) {
      const ending = new AbortController();
      const late = clock.schedule(request.timeoutMs, () => ending.abort('timed out'));
      const ended = AbortSignal.any([signal, ending.signal]);
      try {
        const url = new URL(request.url);
        const addresses = await unlessAborted(permittedAddresses(url, request, resolver), ended);
        return await send({ url, request, addresses, signal: ended });
      } finally {
        late.cancel();
      }
    },
  };
}

const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** One address that is not permitted refuses the name: which one is dialled is not ours to say. */
async function permittedAddresses(
  url: URL,
  { permits }: OutboundRequest,
  resolver: Resolver,
): Promise<readonly Address[]> {
  const host = bareHost(url);
  const family = isIP(host);
  const addresses = family === 0 ? await resolved(host, resolver) : [{ address: host, family }];
  if (addresses.length === 0) {
    throw new Fault('unavailable', 'the name has no address', { effect: 'none' });
  }
  if (addresses.every(({ address }) => permits(address))) return addresses;
  throw new Fault('denied', 'an address that is not permitted', { effect: 'none' });
}

async function resolved(host: string, resolver: Resolver): Promise<readonly Address[]> {
  try {
    return await resolver(host);
  } catch (cause) {
    throw new Fault('unavailable', 'the name does not resolve', { effect: 'none', cause });
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolvePromise, reject) => {
    const onAbort = (): void => reject(endedFault('none', signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolvePromise, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

const endedFault = (effect: 'none' | 'unknown', signal: AbortSignal): Fault =>
  new Fault('unavailable', `no answer: ${String(signal.reason)}`, { effect });

/** Answers the socket's question for an address with those that were judged. */
const pinned =
  (addresses: readonly Address[]): LookupFunction =>
  (_name, options, done) => {
    const [first] = addresses;
    if (options.all === true) done(null, [...addresses]);
    else done(null, first?.address ?? '', first?.family);
  };

interface Sending {
  readonly url: URL;
  readonly request: OutboundRequest;
  readonly addresses: readonly Address[];
  readonly signal: AbortSignal;
}

function send({ url, request, addresses, signal }: Sending): Promise<OutboundResponse> {
  const { headers, body, responseBytesMax } = request;
  return new Promise((resolvePromise, reject) => {
    const fail = (cause: unknown): void =>
      reject(
        signal.aborted
          ? endedFault('unknown', signal)
          : new Fault('unavailable', 'the request failed', { effect: 'unknown', cause }),
      );
    const sent = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      lookup: pinned(addresses),
      // A connection of its own: a kept one would outlive the judgement of its address.
      agent: false,
      signal,
    });
    sent.once('error', fail);
    sent.once('response', (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= responseBytesMax) return;
        reject(new Fault('too-large', 'the answer is too long', { effect: 'unknown' }));
        sent.destroy();
      });
      response.once('error', fail);
      response.once('close', () => fail(new Error('the answer was cut off')));
      response.once('end', () =>
        resolvePromise({ status: response.statusCode ?? 0, body: concatBytes(chunks) }),
      );
    });
    sent.end(body);
  });
}
