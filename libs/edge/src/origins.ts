// Which names this server may be called by, and which web pages may use it.
//
// A key is nothing that a browser adds by itself, so a page of any origin can do no harm without one:
// origins only decide who may read the answers. Without keys, on the machine of whoever develops, every
// page that is open in a browser there reaches the server. So
//
// (1) it must be called by a name of this machine: a page that has its own name resolve to 127.0.0.1
//     still calls it by that name;
// (2) a page must be the server's own, or of an allowed origin, or else no page at all asks. Browsers
//     tell that: by `Origin`, and where they send none by `Sec-Fetch-Site`;
// (3) a link on any page may lead to a page of the server's own, as it may to any site: who follows it
//     leaves the page that it stands on, which reads nothing of what is opened.

import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '@tidemark/protocol';
import { headerOf } from './requests.ts';

export interface OriginSettings {
  /** As browsers write them, or `*`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Without keys: by what names of other machines it may be called, without their port. */
  readonly allowedHosts?: readonly string[] | undefined;
}

const preflight = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': [
    'authorization',
    'content-type',
    'idempotency-key',
    'if-match',
    'if-none-match',
    'last-event-id',
    'mcp-protocol-version',
    'producer-epoch',
    'producer-id',
    'producer-seq',
    'stream-closed',
    'stream-event-ids',
    'stream-expires-at',
    'stream-fork-offset',
    'stream-fork-sub-offset',
    'stream-forked-from',
    'stream-match-seq',
    'stream-seq',
    'stream-ttl',
    'x-api-key',
  ].join(', '),
  'access-control-max-age': '86400',
} as const;

const exposed = ['access-control-expose-headers', '*'] as const;
const varies = ['vary', 'origin'] as const;
const openToAll = [['access-control-allow-origin', '*'] as const, exposed];

const loopbackName = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export class Origins {
  readonly #isKeyless: boolean;
  readonly #allowsAll: boolean;
  readonly #allowed: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  #lastOurs: string | undefined;

  constructor(
    { allowedOrigins = [], allowedHosts = [] }: OriginSettings,
    { isKeyless }: { readonly isKeyless: boolean },
  ) {
    this.#isKeyless = isKeyless;
    this.#allowsAll = allowedOrigins.includes('*');
    this.#allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
    this.#hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** The Problem of a request that must not be served; `isPage` where a page of ours is asked for. */
  refusalOf(headers: IncomingHttpHeaders, isPage = false): Problem | undefined {
    if (!this.#isKeyless) return undefined;
    const { host, origin } = headers;
    if (host !== undefined && !this.#isOurs(host)) {
      const detail = 'called by a name that is not this machine’s: see TIDEMARK_ALLOWED_HOSTS';
      return new Problem('origin-refused', detail);
    }
    const isFitting =
      origin === undefined
        ? isNoPage(headerOf(headers, 'sec-fetch-site')) || (isPage && isOpening(headers))
        : isSame(origin, host) || this.#isAllowed(origin);
    if (isFitting || this.#allowsAll) return undefined;
    const detail = 'asked by a page of another origin: see TIDEMARK_ALLOWED_ORIGINS';
    return new Problem('origin-refused', detail);
  }

  /** Nearly all requests call by the same name: it is looked at once. */
  #isOurs(host: string): boolean {
    if (host === this.#lastOurs) return true;
    const name = host.toLowerCase().replace(/:\d*$/, '');
    if (!loopbackName.test(name) && !this.#hosts.has(name)) return false;
    this.#lastOurs = host;
    return true;
  }

  #isAllowed(origin: string): boolean {
    return this.#allowsAll || this.#allowed.has(origin.toLowerCase());
  }

  /** With which the page that asks may read the answer, and which a cache must tell apart. */
  answerHeaders({ origin }: IncomingHttpHeaders): readonly (readonly [string, string])[] {
    if (this.#allowsAll) return openToAll;
    if (this.#allowed.size === 0) return [];
    if (origin === undefined || !this.#isAllowed(origin)) return [varies];
    return [['access-control-allow-origin', origin], exposed, varies];
  }

  preflightHeaders({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
    return origin !== undefined && this.#isAllowed(origin) ? preflight : {};
  }
}

/** A program tells nothing; a browser tells `none` for what its user typed. */
const isNoPage = (site: string | undefined): boolean =>
  site === undefined || site === 'none' || site === 'same-origin';

/** In a tab or a window, which then shows it; a frame is none. */
const isOpening = (headers: IncomingHttpHeaders): boolean =>
  headerOf(headers, 'sec-fetch-mode') === 'navigate' &&
  headerOf(headers, 'sec-fetch-dest') === 'document';

const isSame = (origin: string, host: string | undefined): boolean =>
  host !== undefined && /^https?:\/\/(.*)$/.exec(origin.toLowerCase())?.[1] === host.toLowerCase();
