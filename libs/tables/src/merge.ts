import type { Entry } from './table-format.ts';

interface Head {
  readonly rest: AsyncIterator<Entry>;
  entry: Entry;
}

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
      const entry = leastOf(heads);
      yield entry;
      await advance(heads, entry.key);
    }
  } finally {
    for (const { rest } of heads) await rest.return?.();
  }
}

function leastOf(heads: readonly Head[]): Entry {
  let least = (heads[0] as Head).entry;
  for (const { entry } of heads) if (Buffer.compare(entry.key, least.key) < 0) least = entry;
  return least;
}

/** Every source goes on behind the key. */
async function advance(heads: Head[], key: Uint8Array): Promise<void> {
  for (let index = heads.length - 1; index >= 0; index -= 1) {
    const head = heads[index] as Head;
    if (Buffer.compare(head.entry.key, key) !== 0) continue;
    const next = await head.rest.next();
    if (next.done === true) heads.splice(index, 1);
    else head.entry = next.value;
  }
}
