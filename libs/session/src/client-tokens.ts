// Tokens that open one session, each kept as the hash of its secret: who revokes one says so in the session.

import { isScope, type Scope } from '@tidemark/auth';
import { limits } from '@tidemark/protocol';
import { type Check, isCount, isFlag, isText, listOf, optional, shaped } from './shapes.ts';

/** Of a token that shows a part of its session, or what is left of it without what it says. */
export interface ShareEntry {
  readonly firstSeq: number;
  /** Without, it goes as far as the session does. */
  readonly lastSeq?: number;
  readonly isRedacted: boolean;
}

export interface TokenEntry {
  readonly id: string;
  /** SHA-256, hex. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  /** Looked at by whoever opens something with it: older processes keep it unread. */
  readonly share?: ShareEntry;
}

export type Tokens = readonly TokenEntry[];

export const noTokens: Tokens = [];

export const isShareEntry: Check = shaped({
  firstSeq: isCount,
  lastSeq: optional(isCount),
  isRedacted: isFlag,
});

export const isTokenEntry: Check = shaped({
  id: isText,
  hash: isText,
  scopes: listOf(isScope),
  createdAtMs: isCount,
  endsAtMs: isCount,
});

/** Those that are over make room. Undefined where there is none. */
export function addToken(tokens: Tokens, token: TokenEntry, timeMs: number): Tokens | undefined {
  const good = tokens.filter(({ id, endsAtMs }) => endsAtMs > timeMs && id !== token.id);
  return good.length < limits.clientTokensMax ? [...good, token] : undefined;
}

export const revokeToken = (tokens: Tokens, id: string): Tokens | undefined =>
  tokens.some((token) => token.id === id) ? tokens.filter((token) => token.id !== id) : undefined;

/** The token of this secret, while it is good. */
export const goodToken = (
  tokens: Tokens,
  { id, hash }: Pick<TokenEntry, 'id' | 'hash'>,
  nowMs: number,
): TokenEntry | undefined =>
  tokens.find((token) => token.id === id && token.hash === hash && nowMs < token.endsAtMs);
