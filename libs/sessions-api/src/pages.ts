// Where a listing goes on. A page's text carries its order: another one is refused, while filters and
// limits may change from page to page.

import { malformed } from './fields.ts';

export type Order = 'asc' | 'desc';

export function parseOrder(text: string | undefined, fallback: Order): Order {
  if (text === undefined || text === '') return fallback;
  if (text === 'asc' || text === 'desc') return text;
  throw malformed('order is asc or desc');
}

export const pageText = (order: Order, at: string): string =>
  Buffer.from(`${order} ${at}`).toString('base64url');

/** Where it goes on; undefined at the beginning. */
export function parsePage(text: string | undefined, order: Order): string | undefined {
  if (text === undefined || text === '') return undefined;
  const decoded = Buffer.from(text, 'base64url').toString();
  const [said, ...rest] = decoded.split(' ');
  if ((said !== 'asc' && said !== 'desc') || rest.length === 0)
    throw malformed('page is none of ours');
  if (said !== order) throw malformed('page is of the other order');
  return rest.join(' ');
}

export function parseLimit(
  text: string | undefined,
  bounds: { fallback: number; max: number },
): number {
  if (text === undefined || text === '') return bounds.fallback;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw malformed(`limit is 1 to ${bounds.max}`);
  return Math.min(limit, bounds.max);
}

/** Values of a parameter however it is repeated: `a=1&a=2`, `a[]=1&a[]=2`, `a=1,2`. */
export function valuesOf(query: URLSearchParams, name: string): readonly string[] {
  const given = [...query.getAll(name), ...query.getAll(`${name}[]`)];
  return given.flatMap((text) => text.split(',')).filter((text) => text !== '');
}
