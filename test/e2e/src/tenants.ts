// Tenants as an operator makes them, over the admin route.

import { randomUUID } from 'node:crypto';
import { type Answer, json, type RequestParts, send, textOf } from './http-client.ts';

export const adminKey = 'an-operator-of-these-tests';

export interface TestTenant {
  readonly id: string;
  readonly key: string;
  readonly topic: string;
}

export async function makeTenant(
  url: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<TestTenant> {
  const id = `t-${randomUUID().slice(0, 18)}`;
  const answer = await send(`${url}/v1/admin/tenants`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ id, ...fields }),
  });
  if (answer.status !== 201) throw new Error(`no tenant. ${answer.status} ${textOf(answer)}`);
  const { apiKey, placement } = JSON.parse(textOf(answer)) as {
    readonly apiKey: string;
    readonly placement: { readonly topic?: string; readonly pool?: string };
  };
  return { id, key: apiKey, topic: placement.topic ?? placement.pool ?? '' };
}

/** Requests with the tenant's key. */
export const as =
  ({ key }: TestTenant, url: string) =>
  (path: string, parts: RequestParts = {}): Promise<Answer> =>
    send(`${url}/v1/stream/${path}`, {
      ...parts,
      headers: { ...json, ...parts.headers, authorization: `Bearer ${key}` },
    });
