// What peers without a key do to a server, each over a connection of its own.

import { randomBytes } from 'node:crypto';

export interface Kind {
  readonly name: string;
  /** Sent as soon as it is connected. */
  readonly first: () => string | Buffer;
  /** Sent on each beat after that; nothing where the peer only waits. */
  readonly next?: () => string | Buffer;
  /** Takes nothing of what is answered. */
  readonly isDeaf?: boolean;
  /** Breaks off on its first beat. */
  readonly resets?: boolean;
}

const invented = (): string => randomBytes(24).toString('base64url');

const head = (line: string, more = ''): string =>
  `${line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${invented()}\r\n${more}`;

const append = (more: string): string =>
  head('POST /v1/stream/honest', `content-type: application/json\r\n${more}\r\n`);

const bodyBytes = 8 * 1_024 * 1_024;
const half = Buffer.alloc(256 * 1_024, '1,');
const whole = (line: string): string => head(line, '\r\n');

export const kinds: readonly Kind[] = [
  { name: 'idle', first: () => '' },
  {
    name: 'head, a byte at a time',
    first: () => 'POST /v1/stream/honest HTTP/1.1\r\nx: ',
    next: () => 'x',
  },
  { name: 'announced body', first: () => append(`content-length: ${bodyBytes}\r\n`) },
  {
    name: 'body, a byte at a time',
    first: () => append(`content-length: ${bodyBytes}\r\n`),
    next: () => '1',
  },
  {
    name: 'body of a million values',
    first: () =>
      Buffer.concat([Buffer.from(`${append(`content-length: ${bodyBytes}\r\n`)}[`), half]),
    next: () => half,
  },
  {
    name: 'body without an end',
    first: () => append('transfer-encoding: chunked\r\n'),
    next: () => `10000\r\n${'x'.repeat(65_536)}\r\n`,
  },
  {
    name: 'reads',
    first: () => whole('GET /v1/stream/honest?offset=-1'),
    next: () => whole('GET /v1/stream/honest?offset=-1&live=sse'),
    isDeaf: true,
  },
  { name: 'requests ahead', first: () => whole('GET /v1/stream/honest').repeat(500) },
  {
    name: 'admin keys',
    first: () => head('POST /v1/admin/tenants', 'content-length: 2\r\n\r\n{}'),
    next: () => head('POST /v1/admin/tenants', 'content-length: 2\r\n\r\n{}'),
  },
  {
    name: 'wake tokens',
    first: () =>
      head('POST /v1/stream/__ds/subscriptions/s/ack', `content-length: ${bodyBytes}\r\n\r\n{`),
  },
  {
    name: 'open doors',
    first: () => whole('GET /metrics').repeat(4),
    next: () => whole('GET /readyz').repeat(4),
  },
  { name: 'no path', first: () => head('PATCH /nowhere', 'content-length: 9\r\n\r\n') },
  { name: 'nonsense', first: () => randomBytes(512) },
  { name: 'resets', first: () => append('content-length: 99\r\n'), resets: true },
];
