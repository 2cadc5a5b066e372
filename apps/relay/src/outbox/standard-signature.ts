// Signatures as Standard Webhooks has them: `v1,` and an HMAC over id, time and body, one a secret.

import { createHmac } from 'node:crypto';
import { bytesOf } from '@tidemark/std';

const prefix = 'whsec_';

/** What is base64 stands for its bytes, whatever else for itself: so do those who verify. */
function keyOf(secret: string): Uint8Array {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : secret;
  const decoded = Buffer.from(text, 'base64');
  const bare = (base64: string): string => base64.replace(/=+$/, '');
  const isBase64 = decoded.length > 0 && bare(decoded.toString('base64')) === bare(text);
  return isBase64 ? decoded : bytesOf(secret);
}

export interface Signed {
  readonly id: string;
  readonly atSeconds: number;
  readonly body: Uint8Array;
}

export function standardSignature(
  secrets: readonly string[],
  { id, atSeconds, body }: Signed,
): string {
  const signed = Buffer.concat([bytesOf(`${id}.${atSeconds}.`), body]);
  return secrets
    .map((secret) => `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`)
    .join(' ');
}
