export interface GroupMember {
  /** What this member should work on now, as (topic, partition). */
  shards(): (readonly [topic: string, partition: number])[];
  /** Calls once, at the next change of the group or of a topic. */
  readonly onChange: (wake: () => void) => () => void;
  leave(): void;
}

interface Membership {
  readonly owner: object;
  readonly topics: readonly string[];
}

/** Divides the partitions of topics among the members of a group, evenly and at once. */
export class SimulatedGroups {
  readonly #partitionsOf: (topic: string) => number;
  readonly #groups = new Map<string, Membership[]>();
  readonly #waiters = new Set<() => void>();

  constructor(partitionsOf: (topic: string) => number) {
    this.#partitionsOf = partitionsOf;
  }

  join(group: string, membership: Membership): GroupMember {
    const members = this.#groups.get(group) ?? [];
    this.#groups.set(group, members);
    members.push(membership);
    this.changed();
    return {
      shards: () => this.#sharesOf(members, membership),
      onChange: (wake) => {
        this.#waiters.add(wake);
        return () => this.#waiters.delete(wake);
      },
      leave: () => this.#remove((member) => member === membership),
    };
  }

  /** Takes everything of this owner out of all groups. */
  leave(owner: object): void {
    this.#remove((member) => member.owner === owner);
  }

  changed(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  #sharesOf(members: readonly Membership[], own: Membership): [string, number][] {
    return own.topics.flatMap((topic) => {
      const sharers = members.filter((member) => member.topics.includes(topic));
      const place = sharers.indexOf(own);
      return Array.from({ length: this.#partitionsOf(topic) }, (_, index) => index)
        .filter((index) => place >= 0 && index % sharers.length === place)
        .map((index) => [topic, index] as [string, number]);
    });
  }

  #remove(isLeaving: (member: Membership) => boolean): void {
    for (const members of this.#groups.values()) {
      const kept = members.filter((member) => !isLeaving(member));
      members.splice(0, members.length, ...kept);
    }
    this.changed();
  }
}
