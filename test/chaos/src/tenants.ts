import { randomBytes } from 'node:crypto';
import type { ClientTenant } from './client-process.ts';

/** Own topics of one partition and of several, and a place in a pool. */
const requests = [
  { id: 'alone', partitions: 1 },
  { id: 'wide', partitions: 3 },
  { id: 'pooled', pooled: true },
] as const;

export const newKey = (): string => randomBytes(24).toString('base64url');

export async function createTenants(url: string, adminKey: string): Promise<ClientTenant[]> {
  const tenants: ClientTenant[] = [];
  for (const request of requests) {
    const apiKey = newKey();
    const answer = await fetch(`${url}/v1/admin/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, apiKey }),
    });
    if (answer.status !== 201) throw new Error(`no tenant: ${await answer.text()}`);
    tenants.push({ tenant: request.id, headers: { authorization: `Bearer ${apiKey}` } });
  }
  return tenants;
}
