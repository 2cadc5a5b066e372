// Ranges of one object that are asked for in one turn come in one request, where they lie near each other: what a
// session has in a segment is read by pages, whose frames follow one another.
//
// (1) Whoever asked gets its own bytes, a view of what came.
// (2) A request ends early only once nobody waits for it.
// (3) Of what is there, whoever asked first is given first: what is decoded before it is wanted keeps what is wanted.

import { abortedFault, type ByteRange, type ObjectStore } from '@tidemark/ports';

interface Asked {
  /** Of all that was ever asked. */
  readonly number: number;
  readonly range: ByteRange;
  readonly signal: AbortSignal;
  readonly resolve: (bytes: Uint8Array | undefined) => void;
  readonly reject: (cause: unknown) => void;
}

/** Bytes between two ranges that are cheaper to read along than to ask for the second by itself. */
const gapBytesMax = 64 * 1_024;
const requestBytesMax = 4 * 1_024 * 1_024;
/** Who has asked decodes at once what it gets: others, and whoever sends it, have their turn in between. */
const turnBytes = 64 * 1_024;

interface Arrived {
  readonly asked: Asked;
  readonly bytes: Uint8Array | undefined;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class JoinedReads {
  readonly #store: Pick<ObjectStore, 'getRange'>;
  readonly #asked = new Map<string, Asked[]>();
  /** What is there, and not given yet. */
  readonly #arrived: Arrived[] = [];
  #count = 0;

  constructor(store: Pick<ObjectStore, 'getRange'>) {
    this.#store = store;
  }

  /** Those bytes of the range that exist; undefined where the object does not. */
  read(key: string, range: ByteRange, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const asked = this.#asked.get(key) ?? [];
      if (asked.length === 0) {
        this.#asked.set(key, asked);
        queueMicrotask(() => this.#askFor(key));
      }
      this.#count += 1;
      asked.push({ number: this.#count, range, signal, resolve, reject });
    });
  }

  #askFor(key: string): void {
    const asked = this.#asked.get(key) ?? [];
    this.#asked.delete(key);
    for (const group of near(asked)) void this.#ask(key, group);
  }

  async #ask(key: string, asked: readonly Asked[]): Promise<void> {
    const firstByte = Math.min(...asked.map(({ range }) => range.firstByte));
    const endByte = Math.max(...asked.map(({ range }) => range.endByte));
    const ending = new AbortController();
    const leave = (): void => {
      if (asked.every(({ signal }) => signal.aborted)) ending.abort();
    };
    for (const { signal } of asked) signal.addEventListener('abort', leave, { once: true });
    leave();
    try {
      const object = await this.#store.getRange(key, { firstByte, endByte }, ending.signal);
      const isGiving = this.#arrived.length > 0;
      for (const each of asked) {
        const { range } = each;
        const [start, end] = [range.firstByte - firstByte, range.endByte - firstByte];
        this.#arrived.push({ asked: each, bytes: object?.body.subarray(start, end) });
      }
      this.#arrived.sort((one, other) => one.asked.number - other.asked.number);
      if (!isGiving) void this.#give();
    } catch (cause) {
      for (const { reject } of asked) reject(cause);
    } finally {
      for (const { signal } of asked) signal.removeEventListener('abort', leave);
    }
  }

  /** To one after the other; nothing in it can fail. */
  async #give(): Promise<void> {
    let givenBytes = 0;
    for (let next = this.#arrived[0]; next !== undefined; next = this.#arrived[0]) {
      const { asked, bytes } = next;
      if (givenBytes >= turnBytes) {
        await nextTurn();
        givenBytes = 0;
        continue;
      }
      this.#arrived.shift();
      givenBytes += bytes?.length ?? 0;
      if (asked.signal.aborted) asked.reject(abortedFault(asked.signal));
      else asked.resolve(bytes);
    }
  }
}

/** In groups that are one request each. */
export function near<T extends { readonly range: ByteRange }>(asked: readonly T[]): readonly T[][] {
  const sorted = [...asked].sort((one, other) => one.range.firstByte - other.range.firstByte);
  const groups: T[][] = [];
  let [firstByte, endByte] = [0, 0];
  for (const each of sorted) {
    const { range } = each;
    const group = groups.at(-1);
    const isNear = range.firstByte - endByte <= gapBytesMax;
    const isSmall = Math.max(endByte, range.endByte) - firstByte <= requestBytesMax;
    if (group !== undefined && isNear && isSmall) {
      group.push(each);
      endByte = Math.max(endByte, range.endByte);
      continue;
    }
    groups.push([each]);
    ({ firstByte, endByte } = range);
  }
  return groups;
}
