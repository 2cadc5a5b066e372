import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import {
  hasControlBytes,
  limits,
  Problem,
  parseStreamPath,
  type SessionName,
} from '@tidemark/protocol';

export const streamPrefix = '/v1/stream/';

/** The path of a request, as it was sent. */
export function pathOf(url: string): string {
  const question = url.indexOf('?');
  return question === -1 ? url : url.slice(0, question);
}

/** The stream that a request line, or a header with a path, names. */
export function streamNameOf(path: string): SessionName {
  const rest = path.startsWith(streamPrefix) ? path.slice(streamPrefix.length) : '';
  return parseStreamPath(rest);
}

export function queryOf(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question === -1 ? '' : url.slice(question + 1));
}

/** At most one value of a parameter. */
export function parameterOf(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new Problem('invalid-request', `${name} is given more than once`);
  return values[0];
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The token of a bearer authorization; the name of a scheme has no case. */
export function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  const text = headerOf(headers, 'authorization');
  return text?.slice(0, 7).toLowerCase() === 'bearer ' ? text.slice(7).trim() : undefined;
}

/** A request that names two hosts means another to everybody who passes it on. */
export function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

const absoluteForm = /^https?:\/\/([^/?#]+)([^#]*)/i;

/** A target in absolute form, as proxies are sent it: its host is the one that counts. */
export function takeAbsoluteTarget(incoming: IncomingMessage): void {
  if (incoming.url?.startsWith('/') !== false) return;
  const [, host, rest = ''] = absoluteForm.exec(incoming.url) ?? [];
  if (host === undefined) return;
  incoming.headers.host = host;
  incoming.url = rest.startsWith('/') ? rest : `/${rest}`;
}

/** An opaque token that a client chose: bounded, and without control bytes. */
export function tokenOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headerOf(headers, name);
  if (value === undefined) return undefined;
  const isFit = value !== '' && value.length <= limits.tokenBytesMax && !hasControlBytes(value);
  if (isFit) return value;
  throw new Problem('invalid-request', `${name} has 1 to ${limits.tokenBytesMax} printable bytes`);
}

const naturalPattern = /^(0|[1-9]\d{0,15})$/;

/** A non-negative integer in plain decimal, within what JavaScript counts exactly. */
export function parseNatural(text: string, name: string): number {
  const value = Number(text);
  if (naturalPattern.test(text) && Number.isSafeInteger(value)) return value;
  throw new Problem('invalid-request', `${name} is a non-negative integer`);
}

export function naturalHeader(headers: IncomingHttpHeaders, name: string): number | undefined {
  const value = headerOf(headers, name);
  return value === undefined ? undefined : parseNatural(value, name);
}

/** The protocol counts the header as present only when it is exactly this. */
export const isClosedHeader = (headers: IncomingHttpHeaders): boolean =>
  headerOf(headers, 'stream-closed')?.toLowerCase() === 'true';
