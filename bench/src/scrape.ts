import type { Target } from './load/orders.ts';

/** Sum over all labels of one of a server's own counters. */
export async function scraped({ host, port }: Target, name: string): Promise<number> {
  const response = await fetch(`http://${host}:${port}/metrics`);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
