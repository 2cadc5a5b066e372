import type { Entry } from './block.ts';

interface Head {
  readonly rest: AsyncIterator<Entry>;
  entry: Entry;
}

/**
 * Many sources, sorted in one order, as one. Of a key that several have, the first source's entry stands:
 * sources are given newest first. They are begun beside one another.
 */
export async function* mergeEntries(
  sources: readonly AsyncIterable<Entry>[],
  order: 'asc' | 'desc' = 'asc',
): AsyncGenerator<Entry> {
  const sign = order === 'asc' ? 1 : -1;
  const heads: Head[] = [];
  try {
    const begun = sources.map(async (source): Promise<Head | undefined> => {
      const rest = source[Symbol.asyncIterator]();
      const first = await rest.next();
      return first.done === true ? undefined : { rest, entry: first.value };
    });
    for (const head of await Promise.all(begun)) if (head !== undefined) heads.push(head);
    while (heads.length > 0) {
      const entry = nextOf(heads, sign);
      yield entry;
      await advance(heads, entry.key);
    }
  } finally {
    for (const { rest } of heads) await rest.return?.();
  }
}

function nextOf(heads: readonly Head[], sign: number): Entry {
  let next = (heads[0] as Head).entry;
  for (const { entry } of heads) if (sign * Buffer.compare(entry.key, next.key) < 0) next = entry;
  return next;
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
