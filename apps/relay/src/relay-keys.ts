// What all relay processes sign with. Without a setting the key is minted once and kept in the control
// log, where the first that was written stands; whoever reads that log can then sign as this server.
// With a setting the key is derived from it, and nothing secret is at rest in the log.

import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  timingSafeEqual,
} from 'node:crypto';
import type { Prng } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import type { Shards } from '@tidemark/replica';
import type { Writers } from '@tidemark/replica/write';
import { decideMintKey, relayKeysSession } from '@tidemark/session';
import { bytesOf, type Secret } from '@tidemark/std';

const seedBytes = 32;

/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface Jwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
  readonly x: string;
}

export class RelayKey {
  readonly kid: string;
  readonly jwk: Jwk;
  readonly #signing: KeyObject;
  readonly #tokens: Uint8Array;

  constructor(seed: Uint8Array) {
    const derive = (purpose: string): Buffer =>
      Buffer.from(hkdfSync('sha256', seed, new Uint8Array(0), `tidemark ${purpose}`, 32));
    const der = Buffer.concat([pkcs8Prefix, derive('webhook signatures')]);
    this.#signing = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    this.#tokens = derive('subscription tokens');
    const { x = '' } = createPublicKey(this.#signing).export({ format: 'jwk' });
    // RFC 7638: the members of the thumbprint, in this order.
    const thumbprint = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
    this.kid = `ds_${createHash('sha256').update(thumbprint).digest('base64url').slice(0, 22)}`;
    this.jwk = { kty: 'OKP', crv: 'Ed25519', kid: this.kid, use: 'sig', alg: 'EdDSA', x };
  }

  /** The value of `Webhook-Signature` for a body sent at this second. */
  signatureOf(body: Uint8Array, atSeconds: number): string {
    const signed = Buffer.concat([bytesOf(`${atSeconds}.`), body]);
    const signature = sign(null, signed, this.#signing).toString('base64url');
    return `t=${atSeconds},kid=${this.kid},ed25519=${signature}`;
  }

  macOf(text: string): string {
    return createHmac('sha256', this.#tokens).update(text).digest('base64url');
  }

  isMac(text: string, mac: string): boolean {
    const expected = bytesOf(this.macOf(text));
    const actual = bytesOf(mac);
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }
}

/** The newest key signs; older ones are still published, and still verify tokens. */
export class KeyRing {
  readonly active: RelayKey;
  readonly all: readonly RelayKey[];

  constructor(seeds: readonly Uint8Array[]) {
    this.all = seeds.map((seed) => new RelayKey(seed));
    const active = this.all.at(-1);
    if (active === undefined) throw new Problem('internal', 'a key ring without a key');
    this.active = active;
  }

  get(kid: string): RelayKey | undefined {
    return this.all.find((key) => key.kid === kid);
  }
}

export interface KeyParts {
  readonly shards: Shards;
  readonly writers: Writers;
  readonly prng: Prng;
}

export async function openKeyRing(parts: KeyParts, secret: Secret | undefined): Promise<KeyRing> {
  const stored = await storedSeeds(parts);
  if (secret !== undefined) {
    const derived = createHash('sha256').update(secret.reveal()).digest();
    return new KeyRing([...stored, derived]);
  }
  return new KeyRing(stored.length > 0 ? stored : await mintSeed(parts));
}

async function storedSeeds({ shards }: KeyParts): Promise<readonly Uint8Array[]> {
  await shards.control.readIndex();
  const seeds = await shards.control.with(relayKeysSession, ({ state: { entry } }) =>
    entry?.kind === 'relay-keys' ? entry.seeds : [],
  );
  return seeds.map((seed) => Buffer.from(seed, 'base64url'));
}

/** Two processes may mint at once: one of them is first, both take that one's. */
async function mintSeed(parts: KeyParts): Promise<readonly Uint8Array[]> {
  const { shards, writers, prng } = parts;
  const seed = Buffer.from(prng.bytes(seedBytes)).toString('base64url');
  const mint = { kind: 'fact', decide: decideMintKey(seed) } as const;
  await writers.of(shards.control).submit(relayKeysSession, mint);
  return storedSeeds(parts);
}
