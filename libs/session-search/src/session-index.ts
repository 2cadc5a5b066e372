// What a manifest says of the index of its events, by tenant: in a pooled shard each tenant has its own, so
// that nobody's statistics tell of another's events.
//
//   index := {version, tenants: {tenant: {tables, removed}}}
//
// `removed` names sessions, as the index knows them, that are over and may be in these tables. Stored.

import type { SearchTable } from '@tidemark/search';

export interface TenantIndex {
  /** The newest last. */
  readonly tables: readonly SearchTable[];
  readonly removed: readonly string[];
}

export interface SessionIndex {
  readonly version: 1;
  readonly tenants: Readonly<Record<string, TenantIndex>>;
}

export const emptyIndex: SessionIndex = { version: 1, tenants: {} };
export const emptyTenant: TenantIndex = { tables: [], removed: [] };

/** What another version has made is as if there were nothing: it is not searched, and not built on. */
export function indexIn(value: unknown): SessionIndex {
  const index = value as Partial<SessionIndex> | null | undefined;
  return index?.version === 1 && index.tenants !== undefined ? (index as SessionIndex) : emptyIndex;
}

export const tenantIn = ({ tenants }: SessionIndex, tenant: string): TenantIndex =>
  (Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined) ?? emptyTenant;

export const objectsIn = ({ tenants }: SessionIndex): readonly string[] =>
  Object.values(tenants).flatMap(({ tables }) =>
    tables.flatMap(({ run }) => run.map(({ name }) => name)),
  );
