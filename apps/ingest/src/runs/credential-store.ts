import {
  credentialDefaults,
  credentialObject,
  credentialPurpose,
  credentialSession,
  newCredential,
} from '@tidemark/agents-api';
import { nonceBytes, Sealer } from '@tidemark/auth';
import { jsonContentType, Problem, timestampText } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { type Fields, idOf, requiredText, textField } from '@tidemark/sessions-api';
import { bytesOf, type Secret } from '@tidemark/std';
import { definitionOf, replace } from '../sessions/definition-routes.ts';
import type { TokenParts } from '../sessions/token-routes.ts';

const keyCharsMax = 4_096;

export interface KeyRequest {
  readonly key: string;
  readonly provider: string;
  readonly name: string | undefined;
}

export const storedKey = (fields: Fields): KeyRequest => ({
  key: requiredText(fields, 'key', keyCharsMax),
  provider: textField(fields, 'provider', 64) ?? 'anthropic',
  name: textField(fields, 'name', 256),
});

/** Keys of model providers: written, replaced, and never read by anybody but who has what they are sealed with. */
export class Credentials {
  readonly #parts: TokenParts;
  readonly #sealer: Sealer | undefined;

  constructor(parts: TokenParts, sealingKey: Secret | undefined) {
    this.#parts = parts;
    this.#sealer = sealingKey && new Sealer(sealingKey.reveal());
  }

  #nowMs(): number {
    return this.#parts.shards.parts.clock.nowMs();
  }

  seal(secret: string, purpose: string): string {
    if (this.#sealer === undefined) {
      throw new Problem('no-credential', 'no secret is kept here: the server has no sealing key');
    }
    return this.#sealer.seal(secret, purpose, this.#parts.randomBytes(nonceBytes));
  }

  async create(tenant: Tenant, { key, provider, name }: KeyRequest): Promise<Fields> {
    const id = idOf('cred', this.#parts.writers.newId());
    const sealed = this.seal(key, credentialPurpose(tenant.id, id));
    const last4 = key.slice(-4);
    const stored = newCredential({ id, provider, name, last4, sealed, nowMs: this.#nowMs() });
    await this.#begin(tenant, credentialSession(id), stored);
    return credentialObject(stored, await this.#defaults(tenant));
  }

  async rotate(tenant: Tenant, id: string, key: string): Promise<Fields> {
    const sealed = this.seal(key, credentialPurpose(tenant.id, id));
    const next = await replace(this.#parts, this.#target(tenant, id), (known) => {
      if (known['deleted_at'] !== null) throw noSuch();
      const version = Number(known['version']) + 1;
      const updated_at = timestampText(this.#nowMs());
      return { ...known, sealed, last4: key.slice(-4), version, updated_at };
    });
    return credentialObject(next, await this.#defaults(tenant));
  }

  /** With all of its versions. */
  async delete(tenant: Tenant, id: string): Promise<void> {
    await this.check(tenant, id);
    await this.#parts.writes.delete(tenant, credentialSession(id));
  }

  async setDefault(tenant: Tenant, id: string): Promise<void> {
    const provider = (await this.#known(tenant, id))['provider'];
    await this.#begin(tenant, credentialDefaults, {});
    const target = { tenant, name: credentialDefaults, id };
    await replace(this.#parts, target, (known) => ({ ...known, [String(provider)]: id }));
  }

  /** Throws where nothing can be paid with it. */
  async check(tenant: Tenant, id: string): Promise<void> {
    if (id === 'managed') return;
    await this.#known(tenant, id);
  }

  /** As it is sealed, with what it is for. */
  async sealed(tenant: Tenant, id: string): Promise<Fields | undefined> {
    const known = (await definitionOf(this.#parts, this.#target(tenant, id)))?.definition;
    const purpose = credentialPurpose(tenant.id, id);
    return known && { id, provider: known['provider'], sealed: known['sealed'], purpose };
  }

  /** What a session uses whose agent names none. */
  async defaultOf(tenant: Tenant, provider: string): Promise<string | undefined> {
    const id = (await this.#defaults(tenant))[provider];
    return typeof id === 'string' ? id : undefined;
  }

  async #known(tenant: Tenant, id: string): Promise<Fields> {
    const known = await definitionOf(this.#parts, this.#target(tenant, id));
    if (known === undefined) throw noSuch();
    return known.definition;
  }

  async #defaults(tenant: Tenant): Promise<Fields> {
    const target = { tenant, name: credentialDefaults };
    return (await definitionOf(this.#parts, target))?.definition ?? {};
  }

  #target(tenant: Tenant, id: string): { tenant: Tenant; name: string; id: string } {
    return { tenant, id, name: credentialSession(id) };
  }

  async #begin(tenant: Tenant, name: string, first: Fields): Promise<void> {
    await this.#parts.writes.create(tenant, name, {
      contentType: jsonContentType,
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      fork: undefined,
      events: [bytesOf(JSON.stringify(first))],
    });
  }
}

const noSuch = (): Problem => new Problem('no-credential', 'there is no such credential');
