import type { Target } from '../load/orders.ts';
import { after } from '../load/timing.ts';

/** Of servers that are started with it. */
export const adminKey = 'bench-admin-key-bench-admin-key';

const attemptsMax = 20;

/** Again while brokers that make a thousand topics are not quick enough. */
export async function makeTenant(
  { host, port }: Target,
  tenant: Readonly<Record<string, unknown>>,
): Promise<void> {
  const url = `http://${host}:${port}/v1/admin/tenants`;
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(tenant) });
    const text = await response.text();
    if (response.ok) return;
    if (response.status < 500 || attempt === attemptsMax) throw new Error(text);
    await after(250);
  }
}
