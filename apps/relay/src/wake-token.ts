// The token of one wake, a JWT in form: whoever holds it may ack that wake and nothing else.

import { bytesOf, textOf } from '@tidemark/std';
import { Refusal } from './refusal.ts';
import type { KeyRing } from './relay-keys.ts';

export interface WakeGrant {
  readonly tenant: string;
  readonly subscriptionId: string;
  readonly generation: number;
  readonly wakeId: string;
}

/** The lease ends what a worker forgets; this only bounds what a leaked token is good for. */
const lifetimeMs = 24 * 3_600_000;

const encoded = (facts: object): string =>
  Buffer.from(bytesOf(JSON.stringify(facts))).toString('base64url');

export function mintToken({ active }: KeyRing, grant: WakeGrant, nowMs: number): string {
  const header = encoded({ alg: 'HS256', typ: 'JWT', kid: active.kid });
  const exp = Math.floor((nowMs + lifetimeMs) / 1_000);
  const { tenant, subscriptionId: sub, generation: gen, wakeId: wake } = grant;
  const signed = `${header}.${encoded({ tenant, sub, gen, wake, exp })}`;
  return `${signed}.${active.macOf(signed)}`;
}

function factsIn(part: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(textOf(Buffer.from(part ?? '', 'base64url')));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const invalid = (): Refusal => new Refusal('TOKEN_INVALID', 'no token of this server');

export function verifyToken(keys: KeyRing, token: string, nowMs: number): WakeGrant {
  const [header, payload, mac, ...rest] = token.split('.');
  const { alg, kid } = factsIn(header);
  const key = keys.get(String(kid));
  const isOurs =
    rest.length === 0 && alg === 'HS256' && key?.isMac(`${header}.${payload}`, mac ?? '') === true;
  if (!isOurs) throw invalid();
  const { tenant, sub, gen, wake, exp } = factsIn(payload);
  if (typeof tenant !== 'string' || typeof sub !== 'string' || typeof wake !== 'string') {
    throw invalid();
  }
  if (typeof gen !== 'number' || typeof exp !== 'number') throw invalid();
  if (exp * 1_000 <= nowMs) throw new Refusal('TOKEN_EXPIRED', 'the token has expired');
  return { tenant, subscriptionId: sub, generation: gen, wakeId: wake };
}
