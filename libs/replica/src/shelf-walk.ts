import type { CatalogPlace } from './catalog.ts';
import type { ShardReplica } from './shard-replica.ts';
import type { Shards } from './shards.ts';
import { shardsOf, type Tenant } from './tenants.ts';

const placesMax = 64;

/**
 * Those that stand on a shelf of a tenant's catalogue, shard by shard, each shard folded first to where it
 * ends; in a shard by the time of their making.
 */
export async function* walkShelf(
  shards: Shards,
  tenant: Tenant,
  shelf: string,
): AsyncGenerator<{ readonly name: string; readonly replica: ShardReplica }> {
  for (const shard of shardsOf(tenant)) {
    const replica = shards.replica(tenant, shard);
    // A shard that waits for its operator holds up nothing but itself.
    if (replica.stopped !== undefined) continue;
    await replica.readIndex();
    let after: CatalogPlace | undefined;
    do {
      const range = { tenant: tenant.id, shelf, order: 'asc', after } as const;
      const places = await replica.catalog(range, placesMax);
      for (const { name } of places) yield { name, replica };
      after = places.at(-1);
    } while (after !== undefined);
  }
}
