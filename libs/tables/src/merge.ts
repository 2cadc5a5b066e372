import type { Entry } from './table-format.ts';

/**
 * Many sorted sources as one. Of a key that several have, the first source's entry stands: sources are
 * given newest first.
 */
export async function* mergeEntries(
  sources: readonly AsyncIterable<Entry>[],
): AsyncGenerator<Entry> {
  const heads: { readonly rest: AsyncIterator<Entry>; entry: Entry }[] = [];
  try {
    for (const source of sources) {
      const rest = source[Symbol.asyncIterator]();
      const first = await rest.next();
      if (first.done !== true) heads.push({ rest, entry: first.value });
    }
    while (heads.length > 0) {
      const [newest, ...others] = heads as [(typeof heads)[number], ...typeof heads];
      let least = newest;
      for (const head of others) {
        if (Buffer.compare(head.entry.key, least.entry.key) < 0) least = head;
      }
      const { entry } = least;
      yield entry;
      await advance(heads, entry.key);
    }
  } finally {
    for (const { rest } of heads) await rest.return?.();
  }
}

/** Every source goes on behind the key. */
async function advance(
  heads: { readonly rest: AsyncIterator<Entry>; entry: Entry }[],
  key: Uint8Array,
): Promise<void> {
  for (let index = heads.length - 1; index >= 0; index -= 1) {
    const head = heads[index] as (typeof heads)[number];
    if (Buffer.compare(head.entry.key, key) !== 0) continue;
    const next = await head.rest.next();
    if (next.done === true) heads.splice(index, 1);
    else head.entry = next.value;
  }
}
