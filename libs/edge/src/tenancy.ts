import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '@tidemark/protocol';
import type { Shards, Tenant } from '@tidemark/replica';
import { bearerOf, headerOf } from './requests.ts';
import { onlyPeer, type Peer } from './share.ts';

/** Keys that were seen to be right, by the header that carried them: a hash less on each request. */
const rememberedMax = 10_000;

export const hashKey = (key: string): string => hash('sha256', key, 'hex');

const keyIn = (headers: IncomingHttpHeaders): string | undefined =>
  bearerOf(headers) ?? headerOf(headers, 'x-api-key');

/** Whose request it is. Without keys everything is the tenant `default`. */
export class Tenancy {
  readonly #shards: Shards;
  readonly #isKeyless: boolean;
  readonly #remembered = new Map<string, Tenant>();
  /** Of the directory in which they were right. */
  #version = -1;

  constructor(shards: Shards, { isKeyless }: { readonly isKeyless: boolean }) {
    this.#shards = shards;
    this.#isKeyless = isKeyless;
  }

  get isKeyless(): boolean {
    return this.#isKeyless;
  }

  /** Whose share of the process a request goes by; throws where the key is none. */
  peerOf(headers: IncomingHttpHeaders): Peer | Promise<Peer> {
    if (this.#isKeyless) return onlyPeer;
    const tenant = this.tenantOf(headers);
    return tenant instanceof Promise ? tenant.then(({ id }) => id) : tenant.id;
  }

  /** At once where the tenant is known here, as it nearly always is. */
  tenantOf(headers: IncomingHttpHeaders): Tenant | Promise<Tenant> {
    if (this.#isKeyless) return this.#shards.directory.default ?? this.#findDefault();
    const key = keyIn(headers);
    if (key === undefined || key === '') {
      throw new Problem('unauthenticated', 'send the key as a bearer token or as x-api-key');
    }
    const { version } = this.#shards.directory;
    if (version !== this.#version) this.#remembered.clear();
    this.#version = version;
    return this.#remembered.get(key) ?? this.#find(key);
  }

  async #findDefault(): Promise<Tenant> {
    const tenant = (await this.#shards.currentDirectory()).default;
    if (tenant === undefined) throw new Problem('unavailable', 'not founded yet');
    return tenant;
  }

  async #find(key: string): Promise<Tenant> {
    const keyHash = hashKey(key);
    const known = this.#shards.directory.byKeyHash(keyHash);
    const tenant = known ?? (await this.#shards.currentDirectory()).byKeyHash(keyHash);
    if (tenant === undefined) throw new Problem('unauthenticated', 'no tenant has this key');
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(key, tenant);
    return tenant;
  }
}
