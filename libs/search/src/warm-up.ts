// Questions of a table in memory, asked before anybody asks: the code that answers is compiled by then. Without
// that a process's first question takes half as long again.

import type { ByteRange, ObjectInfo, PutOutcome, StoredObject } from '@tidemark/ports';
import { bytesOf, present } from '@tidemark/std';
import { type ReadableObjects, TableStore, type WritableObjects } from '@tidemark/tables';
import { parseQuery } from './query.ts';
import { search } from './search.ts';
import type { SearchSources } from './search-request.ts';
import { SearchTableWriter } from './search-table.ts';
import { snippetOf } from './snippet.ts';
import { SearchTableReader } from './table-reader.ts';

const eventCount = 256;
/** More would make a first question no faster, and cost the start more. */
const askedMax = 8;
const cacheBytesMax = 4 * 1_024 * 1_024;
const sessions = ['one', 'other'] as const;

const texts = [
  'let us first see why the request to the server failed before we change readFile in src/store/table-index.ts:42',
  'Error: ENOENT: no such file or directory, open libs/queue/src/session_cursor.test.ts',
  'the tests passed after updating permissions and retrying the connections, 12 of them skipped',
  'export class SearchIndex { constructor(readonly settings: Settings) {} } // C++, F#, naïve, 東京都',
] as const;
const words = texts.join(' ').split(' ');

export interface WarmUpParts {
  /** Between steps: whoever asks meanwhile is not held up. */
  readonly rest: () => Promise<void>;
  /** No question is asked once this holds. */
  readonly isOver: () => boolean;
}

export async function warmUpSearch({ rest, isOver }: WarmUpParts): Promise<void> {
  const { signal } = new AbortController();
  const store = new ObjectsInMemory();
  const writer = new SearchTableWriter();
  for (let seq = 0; seq < eventCount; seq += 1) {
    writer.add({ session: sessionOf(seq), seq, timeMs: 1_000 * seq, body: bodyOf(seq) });
    if (seq % 64 === 0) await rest();
  }
  const table = await writer.finish(store, { nameOf: () => 'table', rest, signal });
  const settings = { cacheBytesMax, documentsBytesMax: cacheBytesMax };
  for (let asked = 0; asked < askedMax && !isOver(); asked += 1) {
    // One that has read nothing yet: a first question reads and decodes.
    const reader = new SearchTableReader(new TableStore(store, settings), settings);
    await ask({ reader, tables: [table], rest }, asked, signal);
    await rest();
  }
}

async function ask(sources: SearchSources, asked: number, signal: AbortSignal): Promise<void> {
  const query = `step${asked} ${wordsFrom(7 * asked, asked % 2 === 0 ? 2 : 10)}`;
  const scope = asked % 4 < 2 ? {} : { session: sessionOf(asked) };
  const { hits } = await search(sources, { query, hitsMax: 10, ...scope }, signal);
  for (const { seq } of hits) snippetOf(bodyOf(seq), parseQuery(query));
}

const sessionOf = (seq: number): string => sessions[seq % 2 === 0 ? 0 : 1];

/** Some words come in every event, others in few. */
const wordsFrom = (first: number, count: number): string =>
  Array.from({ length: count }, (_, at) => `${words[(first + at * at) % words.length]}`).join(' ');

function bodyOf(seq: number): Uint8Array {
  const text = `${texts[seq % texts.length]} ${wordsFrom(seq, seq % 24)} step${seq % 100}`;
  const event =
    seq % 3 === 0
      ? { type: 'agent.tool_result', is_error: seq % 2 === 0, content: [{ type: 'text', text }] }
      : {
          type: 'agent.message',
          content: [
            { type: 'text', text },
            { type: 'text', text: 'so' },
          ],
        };
  return bytesOf(JSON.stringify(event));
}

/** What one table needs of a store. */
class ObjectsInMemory implements WritableObjects, ReadableObjects {
  readonly #bodies = new Map<string, Uint8Array>();

  putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    this.#bodies.set(key, body);
    return Promise.resolve({ kind: 'stored', etag: key });
  }

  head(key: string): Promise<ObjectInfo> {
    return Promise.resolve({ key, etag: key, bytes: this.#bodyOf(key).length });
  }

  getRange(key: string, { firstByte, endByte }: ByteRange): Promise<StoredObject> {
    return Promise.resolve({ body: this.#bodyOf(key).subarray(firstByte, endByte), etag: key });
  }

  #bodyOf(key: string): Uint8Array {
    return present(this.#bodies.get(key), 'a body');
  }
}
