// Whose request it is, and what it may do.
//
// (1) A key opens its tenant for its scopes; a client token opens one session of a tenant.
// (2) What a key or a token does not open is not there: another's session is 404, for it as for anybody.
// (3) A revoked key, or one that has ended, opens nothing from when this process has folded that. A token's
//     session is asked of the log first, so that a revoked token opens nothing from then on anywhere.
// (4) A token that shows a part of its session opens those routes alone that say that they keep to it.

import {
  type ClientToken,
  hashKey,
  isClientToken,
  keyIdOf,
  parseClientToken,
  type Scope,
  scopes,
} from '@tidemark/auth';
import { Problem, type TenantId } from '@tidemark/protocol';
import type { Shards, Tenant } from '@tidemark/replica';
import { goodToken, isUseNews, type Share, type StreamState, shareOf } from '@tidemark/session';
import type { FastifyRequest } from 'fastify';
import { LiveCounts } from './live-counts.ts';
import { bearerOf, headerOf, pathOf, queryOf, streamNameOf, streamPrefix } from './requests.ts';
import type { Peer } from './share.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What it takes to ask; by the method where nothing is said. */
    readonly scope?: Scope;
    /** Whoever may only steer is let in, and checked by the route. */
    readonly isSteered?: boolean;
    /** It shows a token no more than its share; any other route is closed to one that has a share. */
    readonly keepsToShare?: boolean;
  }
}

/** Keys that were seen to be right, by the header that carried them: a hash less on each request. */
const rememberedMax = 10_000;

const everyScope: ReadonlySet<Scope> = new Set(scopes);

/** Made once: strangers come by the thousand, and each stack has its price. */
const noKey = new Problem('unauthenticated', 'send the key as a bearer token or as x-api-key');
const unknownKey = new Problem('unauthenticated', 'no tenant has this key');

export interface Identity {
  readonly tenant: Tenant;
  /** The key or token, as audits name it. */
  readonly by: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The one session that it opens; undefined where it opens all of its tenant's. */
  readonly session: string | undefined;
  /** What of it is shown; undefined where all of it is. */
  readonly share: Share | undefined;
}

interface KnownKey extends Identity {
  readonly hash: string;
  readonly endsAtMs: number;
}

/** On the request itself: who asks, once that is verified. */
const identified = Symbol('identified');
type Identified = FastifyRequest & { [identified]?: Identity };

export interface TenancyParts {
  readonly isKeyless: boolean;
  /** A key was used, and nobody has written that down for long. */
  readonly onUse?: (tenant: Tenant, hash: string, nowMs: number) => void;
}

/** While somebody is told something live: whether it still may be. */
export interface LiveGrant {
  /** Also by what its session says of tokens. */
  holds(stream: StreamState | undefined): boolean;
  end(): void;
}

export class Tenancy {
  readonly #shards: Shards;
  readonly #parts: TenancyParts;
  readonly #remembered = new Map<string, KnownKey>();
  readonly #live = new Set<() => void>();
  readonly #counts = new LiveCounts();
  /** Of the directory in which they were right. */
  #version = -1;

  constructor(shards: Shards, parts: TenancyParts) {
    this.#shards = shards;
    this.#parts = parts;
    shards.onDirectory(() => {
      for (const look of this.#live) look();
    });
  }

  get isKeyless(): boolean {
    return this.#parts.isKeyless;
  }

  /** Whose share of the process a request goes by; throws where it shows nothing that is good. */
  peerOf(request: FastifyRequest): Peer | Promise<Peer> {
    const identity = this.verify(credentialOf(request));
    return identity instanceof Promise
      ? identity.then((known) => this.#know(request, known))
      : this.#know(request, identity);
  }

  #know(request: Identified, identity: Identity): Peer {
    request[identified] = identity;
    return identity.tenant.id;
  }

  /** What whoever asks may not do. */
  refusalOf(request: Identified): Problem | undefined {
    const identity = request[identified];
    if (identity === undefined) return undefined;
    const { config } = request.routeOptions;
    if (identity.share !== undefined && config.keepsToShare !== true) return shareRefusal();
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    const needed = config.scope ?? (isReading ? 'read' : 'append');
    const maySteer = config.isSteered === true && identity.scopes.has('steer');
    if (!identity.scopes.has(needed) && !maySteer) {
      return new Problem('forbidden', `the scope ${needed} is needed`);
    }
    return identity.session === undefined ? undefined : sessionRefusal(identity.session, request);
  }

  tenantOf(request: FastifyRequest): Tenant | Promise<Tenant> {
    const identity = this.identityOf(request);
    return identity instanceof Promise ? identity.then(({ tenant }) => tenant) : identity.tenant;
  }

  /** Of a request that was let in: at once, but where a server without keys is not founded yet. */
  identityOf(request: Identified): Identity | Promise<Identity> {
    return request[identified] ?? this.verify(credentialOf(request));
  }

  /** Who has shown this. At once where the key is known here, as it nearly always is. */
  verify(key: string | undefined): Identity | Promise<Identity> {
    if (this.isKeyless) {
      const tenant = this.#shards.directory.default;
      return tenant === undefined ? this.#findDefault() : localIdentity(tenant);
    }
    if (key === undefined || key === '') {
      throw noKey;
    }
    if (isClientToken(key)) return this.#tokenIdentity(parsedToken(key));
    const { version } = this.#shards.directory;
    if (version !== this.#version) this.#remembered.clear();
    this.#version = version;
    const known = this.#remembered.get(key);
    return known !== undefined && this.#nowMs() < known.endsAtMs ? known : this.#find(key);
  }

  /** Whose request it is, once `peerOf` has let it in. */
  knownTenant(request: Identified): Tenant | undefined {
    return request[identified]?.tenant;
  }

  #nowMs(): number {
    return this.#shards.parts.clock.nowMs();
  }

  async #findDefault(): Promise<Identity> {
    const tenant = (await this.#shards.currentDirectory()).default;
    if (tenant === undefined) throw new Problem('unavailable', 'not founded yet');
    return localIdentity(tenant);
  }

  async #find(key: string): Promise<Identity> {
    const keyHash = hashKey(key);
    const known = this.#shards.directory.byKeyHash(keyHash);
    const opened = known ?? (await this.#shards.currentDirectory()).byKeyHash(keyHash);
    const endsAtMs = opened?.key.endsAtMs ?? Number.POSITIVE_INFINITY;
    if (opened === undefined || this.#nowMs() >= endsAtMs) {
      throw unknownKey;
    }
    const { tenant, key: entry } = opened;
    if (isUseNews(entry, this.#nowMs())) this.#parts.onUse?.(tenant, keyHash, this.#nowMs());
    const identity: KnownKey = {
      tenant,
      by: keyIdOf(keyHash),
      scopes: new Set(entry.scopes),
      session: undefined,
      share: undefined,
      hash: keyHash,
      endsAtMs,
    };
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(key, identity);
    return identity;
  }

  /** By the session as it is at some moment after the request came. */
  async #tokenIdentity(token: ShownToken): Promise<Identity> {
    const known = this.#shards.directory.get(token.tenant);
    const tenant = known ?? (await this.#shards.currentDirectory()).get(token.tenant as TenantId);
    if (tenant === undefined || tenant.isSuspended) throw badToken();
    const { replica, key } = this.#shards.locate(tenant, token.session);
    await replica.readIndex();
    const opened = await replica.with(key, ({ state }) =>
      openedBy(token, state.stream, this.#nowMs()),
    );
    if (opened === undefined) throw badToken();
    return { tenant, session: token.session, ...opened };
  }

  /**
   * For whoever is told something for as long as it likes; `look` is called when it may not be any more.
   * Throws where its tenant has as many as it may.
   */
  goLive(credential: string | undefined, identity: Identity, look: () => void): LiveGrant {
    const { tenant } = identity;
    const leave = this.#counts.enter(tenant.id, tenant.quotas.liveConnections);
    this.#live.add(look);
    const isToken = credential !== undefined && isClientToken(credential);
    const token = isToken && !this.isKeyless ? parsedToken(credential) : undefined;
    return {
      holds: (stream) =>
        token === undefined
          ? this.#holdsKey(identity)
          : this.#shards.directory.get(tenant.id)?.isSuspended === false &&
            (stream === undefined || entryOf(stream, token, this.#nowMs()) !== undefined),
      end: () => {
        this.#live.delete(look);
        leave();
      },
    };
  }

  #holdsKey(identity: Identity): boolean {
    if (this.isKeyless) return true;
    const { hash } = identity as KnownKey;
    const { endsAtMs } = this.#shards.directory.byKeyHash(hash)?.key ?? { endsAtMs: 0 };
    return endsAtMs === undefined || this.#nowMs() < endsAtMs;
  }
}

const localIdentity = (tenant: Tenant): Identity => ({
  tenant,
  by: 'local',
  scopes: everyScope,
  session: undefined,
  share: undefined,
});

/** A browser can send a token by a query, where it can send no header. */
export function credentialOf({
  headers,
  raw,
  method,
}: Pick<FastifyRequest, 'headers' | 'raw' | 'method'>): string | undefined {
  const sent = bearerOf(headers) ?? headerOf(headers, 'x-api-key');
  if (sent !== undefined || method !== 'GET') return sent;
  const url = raw.url ?? '';
  return url.includes('token=') ? (queryOf(url).get('token') ?? undefined) : undefined;
}

const badToken = (): Problem => new Problem('unauthenticated', 'no session has this token');

/** Hashed once: who follows by it is looked at with each event. */
interface ShownToken extends Omit<ClientToken, 'secret'> {
  readonly hash: string;
}

function parsedToken(text: string): ShownToken {
  const token = parseClientToken(text);
  if (token === undefined) throw badToken();
  const { secret, ...named } = token;
  return { ...named, hash: hashKey(secret) };
}

const entryOf = (
  stream: StreamState | undefined,
  token: ShownToken,
  nowMs: number,
): ReturnType<typeof goodToken> => stream && goodToken(stream.aspects.tokens, token, nowMs);

/** A share is for reading, whatever else its token says. */
function openedBy(
  token: ShownToken,
  stream: StreamState | undefined,
  nowMs: number,
): Pick<Identity, 'by' | 'scopes' | 'share'> | undefined {
  const entry = entryOf(stream, token, nowMs);
  if (entry === undefined || stream === undefined) return undefined;
  const { id: by, scopes: granted } = entry;
  if (entry.share === undefined) return { by, scopes: new Set(granted), share: undefined };
  const share = shareOf(stream, entry.share);
  return share && { by, scopes: new Set(['read']), share };
}

/** Of what a token with a share may not ask. */
export const shareRefusal = (): Problem =>
  new Problem('forbidden', 'a token that shows a part of a session does not open this');

/** A token's own session, under whichever path; no other is there for it. */
function sessionRefusal(session: string, { params, raw }: FastifyRequest): Problem | undefined {
  const path = pathOf(raw.url ?? '');
  const named = path.startsWith(streamPrefix)
    ? streamIn(path)
    : (params as { readonly session?: string }).session;
  if (named === undefined) return new Problem('forbidden', 'a client token is for one session');
  return named === session ? undefined : new Problem('session-not-found', 'no such session');
}

/** Empty where the path names none: no session is called so. */
function streamIn(path: string): string {
  try {
    return streamNameOf(path);
  } catch {
    return '';
  }
}
