// Names that the server gives. What stands before the underscore says what it is; the rest is opaque.

import { parseSessionName, type SessionName } from '@tidemark/protocol';
import { bytesOf, hexOf, murmur2 } from '@tidemark/std';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** Five bits a character. */
export function base32Of(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >>> bits) & 31];
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );

export type IdKind =
  | 'agent'
  | 'cred'
  | 'dest'
  | 'env'
  | 'sesn'
  | 'sesrsc'
  | 'sthr'
  | 'tok'
  | 'turn';

/** Of 16 random bytes in hex. */
export const idOf = (kind: IdKind, hex: string): string => `${kind}_${base32Of(bytesOfHex(hex))}`;

export const newSessionName = (hex: string): SessionName => parseSessionName(idOf('sesn', hex));

/** A session of this name is made by the API and by nothing else: an append does not make it. */
export const isMadeName = (name: string): boolean => name.startsWith('sesn_');

/** The thread that every session has. */
export function primaryThreadId(name: string): string {
  if (isMadeName(name)) return `sthr_${name.slice('sesn_'.length)}`;
  const bytes = bytesOf(name);
  return `sthr_${murmur2(bytes).toString(16).padStart(8, '0')}${hexOf(bytes).slice(0, 32)}`;
}

/** Where sessions are asked for: as the API has it, and as those write it who leave its version out. */
export const sessionPrefixes = ['/v1/sessions', '/sessions'] as const;
