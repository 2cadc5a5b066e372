// Sessions, held, as a fold tells them that has passed an offset.
//
// A shard that nobody needed for a while begins again with what is published, which may be older than what
// this process had folded of it. What lies behind a fold it cannot tell: its events would be taken for none,
// and a session that was made there for one that is over.

import { Problem } from '@tidemark/protocol';
import type { FoldedSession, ShardReplica } from '@tidemark/replica';

/** Sessions that are held at once. */
const heldMax = 200;
const noRest = (): Promise<void> => Promise.resolve();

export class PastFold {
  readonly replica: ShardReplica;
  /** Everything before it is folded. */
  readonly #offset: bigint;

  constructor(replica: ShardReplica, offset: number) {
    this.replica = replica;
    this.#offset = BigInt(offset);
  }

  /** Each is held until it is let go; as long as one is, the shard stays open. */
  async hold(keys: readonly string[]): Promise<readonly FoldedSession[]> {
    const held = await this.#holdWherePast(keys);
    if (held !== undefined) return held;
    await this.replica.foldAll();
    const again = await this.#holdWherePast(keys);
    if (again === undefined) throw new Problem('unavailable', 'the log ends before what was told');
    return again;
  }

  /** One after the other, each held while it is looked at, however that ends; `rest` lets others have their turn. */
  async *each(keys: readonly string[], rest = noRest): AsyncGenerator<FoldedSession> {
    for (let at = 0; at < keys.length; at += heldMax) {
      const held = await this.hold(keys.slice(at, at + heldMax));
      try {
        yield* held;
      } finally {
        for (const session of held) this.replica.letGo(session);
      }
      await rest();
    }
  }

  async #holdWherePast(keys: readonly string[]): Promise<readonly FoldedSession[] | undefined> {
    const held = await this.replica.hold(keys);
    if (this.replica.fold.position >= this.#offset) return held;
    for (const session of held) this.replica.letGo(session);
    return undefined;
  }
}
