// Secrets that are kept for somebody, sealed with a key that lies elsewhere.
//
//   sealed := 's1.' nonce{16} '.' tag{22} '.' text       base64url; AES-256-GCM under HKDF(key, purpose)
//
// What a secret is for is part of its seal: one that was moved elsewhere does not open. Stored. Never change.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

const mark = 's1';
const algorithm = 'aes-256-gcm';
export const nonceBytes = 12;

export class Sealer {
  readonly #key: Buffer;

  constructor(secret: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'tidemark sealed secrets', 32));
  }

  /** `nonce` is drawn for this secret alone. */
  seal(secret: string, purpose: string, nonce: Uint8Array): string {
    const cipher = createCipheriv(algorithm, this.#key, nonce);
    cipher.setAAD(Buffer.from(purpose));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    const parts = [Buffer.from(nonce), cipher.getAuthTag(), text];
    return [mark, ...parts.map((part) => part.toString('base64url'))].join('.');
  }

  /** Undefined where it was sealed with another key, or for something else. */
  open(sealed: string, purpose: string): string | undefined {
    const [said, ...parts] = sealed.split('.');
    const [nonce, tag, text] = parts.map((part) => Buffer.from(part, 'base64url'));
    const isOurs = said === mark && nonce?.length === nonceBytes && tag?.length === 16;
    if (!isOurs || text === undefined) return undefined;
    try {
      const decipher = createDecipheriv(algorithm, this.#key, nonce);
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(tag);
      return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}
