// What may be a key: it has to go through a header as it is, and must not be guessed.

import { createHash } from 'node:crypto';

const keyBytesMin = 24;
const keyBytesMax = 256;
const keyPattern = new RegExp(`^[\\x21-\\x7e]{${keyBytesMin},${keyBytesMax}}$`);

export const keyRule: string = `${keyBytesMin} to ${keyBytesMax} visible ASCII characters, without spaces`;

export const isKey = (text: string): boolean => keyPattern.test(text);

/** As it is kept. */
export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/** By which a key is spoken of: no part of it can be told from that. */
export const keyIdOf = (hash: string): string => `key_${hash.slice(0, 16)}`;
