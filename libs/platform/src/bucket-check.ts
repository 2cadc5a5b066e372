// Whether a bucket is there and does all that is asked of it, by trying it with an object of its own: what is
// missing is said before anything is kept there.

import { isFault, type ObjectStore, type PutOutcome } from '@tidemark/ports';
import { bytesOf, equalBytes } from '@tidemark/std';

const [first, second] = [bytesOf('first'), bytesOf('second')];

interface Trial {
  readonly what: string;
  /** What it does instead; undefined: it does what it should. */
  readonly run: () => Promise<string | undefined>;
}

/** What the bucket refuses or does otherwise; nothing: it can be used. `key` is nobody else's. */
export async function bucketFaults(store: ObjectStore, key: string): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const { what, run } of trialsOf(store, key)) {
    try {
      const instead = await run();
      if (instead !== undefined) faults.push(`${what}: ${instead}`);
    } catch (cause) {
      if (!isFault(cause)) throw cause;
      faults.push(`${what}: ${cause.reason}`);
      // Whatever cannot be reached, or is not there, is so for all that would follow.
      if (cause.reason === 'unavailable' || cause.reason === 'missing') break;
    }
  }
  return faults;
}

function trialsOf(store: ObjectStore, key: string): readonly Trial[] {
  const refused = async (write: Promise<PutOutcome>): Promise<string | undefined> =>
    (await write).kind === 'refused' ? undefined : 'its condition is ignored';
  return [
    {
      what: 'writing an object',
      run: async () => {
        const { kind } = await store.putIfAbsent(key, first);
        return kind === 'stored' ? undefined : 'it is refused';
      },
    },
    { what: 'writing if absent', run: () => refused(store.putIfAbsent(key, second)) },
    {
      what: 'replacing if unchanged',
      run: () => refused(store.compareAndSwap(key, { expected: '"other"', body: second })),
    },
    {
      what: 'reading an object',
      run: async () => {
        const found = await store.get(key);
        const isSame = found !== undefined && equalBytes(found.body, first);
        return isSame ? undefined : 'it is not what was written';
      },
    },
    {
      what: 'reading a range',
      run: async () => {
        const found = await store.getRange(key, { firstByte: 1, endByte: 3 });
        const isSame = found !== undefined && equalBytes(found.body, first.subarray(1, 3));
        return isSame ? undefined : 'it is not what was written';
      },
    },
    {
      what: 'listing objects',
      run: async () => {
        for await (const found of store.list(key)) if (found.key === key) return undefined;
        return 'what was written is not listed';
      },
    },
    {
      what: 'deleting objects',
      run: async () => {
        await store.deleteMany([key]);
        return (await store.head(key)) === undefined ? undefined : 'the object is still there';
      },
    },
  ];
}
