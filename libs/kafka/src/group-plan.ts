// Who of a group works on which shards: as even as can be, with as few changes as can be. Computed by
// the group's leader alone, from what the members say they have.

import type { Shard } from '@tidemark/ports';

export interface GroupMember {
  readonly id: string;
  /** What it had before. */
  readonly owned: readonly Shard[];
}

export function planAssignment(
  members: readonly GroupMember[],
  shards: readonly Shard[],
): ReadonlyMap<string, readonly Shard[]> {
  const ordered = members.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const open = new Set(shards);
  const plan = new Map<string, Shard[]>();
  const quota = Math.floor(shards.length / Math.max(1, ordered.length));
  let extra = shards.length - quota * ordered.length;
  for (const { id, owned } of ordered) {
    const kept: Shard[] = [];
    for (const shard of owned) {
      const fits = kept.length < quota || (kept.length === quota && extra > 0);
      if (!fits || !open.delete(shard)) continue;
      kept.push(shard);
      if (kept.length > quota) extra -= 1;
    }
    plan.set(id, kept);
  }
  const left = [...open];
  for (const kept of plan.values()) kept.push(...left.splice(0, Math.max(0, quota - kept.length)));
  for (const kept of plan.values()) {
    if (kept.length <= quota) kept.push(...left.splice(0, 1));
  }
  return plan;
}
