// Sessions as they are published in an object store, in tables:
//
//   's' key                          -> the session, as `encodeSession` gives it
//   'c' row                          -> nothing: it stands there in the catalogue (`catalog.ts`)
//   'd' due-ms (15 digits) ' ' key   -> nothing: somebody has to look at it by then
//   'u' row                          -> what the session took in on a day (`usage-rows.ts`)
//
// Keys lie in the order of their bytes, so that what is due is one range, and so is a prefix of names.

import type { ObjectStore } from '@tidemark/ports';
import { Problem } from '@tidemark/protocol';
import { bytesOf, textOf } from '@tidemark/std';
import { lookUp, scan, scanBack, type TableStore } from '@tidemark/tables';
import { type CatalogPlace, type CatalogRange, placeOfRow, rowRange } from './catalog.ts';
import { decodeManifest, type Manifest, manifestKey } from './publication-manifest.ts';
import type {
  DueRange,
  FoldPoint,
  LogName,
  Publications,
  PublishedIndex,
  PublishedSessions,
} from './published.ts';
import { decodeUsage, type UsageRange, type UsageRow, usageBounds } from './usage-rows.ts';

const dueDigits = 15;

export const usageRow = (row: string): Uint8Array => bytesOf(`u${row}`);
export const catalogRow = (row: string): Uint8Array => bytesOf(`c${row}`);

export const sessionRow = (key: string): Uint8Array => bytesOf(`s${key}`);
export const dueRow = (dueMs: number, key: string): Uint8Array =>
  bytesOf(`d${String(dueMs).padStart(dueDigits, '0')} ${key}`);

const [rowKind] = catalogRow('');
const [sessionKind] = sessionRow('');

/** Behind every row that begins so: no digit comes after nine. */
const behind = (prefix: string): Uint8Array => catalogRow(`${prefix}:`);

export interface ReadManifest {
  readonly manifest: Manifest;
  readonly etag: string;
}

export class TablePublications implements Publications {
  readonly store: ObjectStore;
  readonly tables: TableStore;

  constructor(store: ObjectStore, tables: TableStore) {
    this.store = store;
    this.tables = tables;
  }

  async newest(log: LogName, signal: AbortSignal): Promise<PublishedTables | undefined> {
    const read = await this.read(log, signal);
    return read === undefined ? undefined : this.published(read.manifest);
  }

  published(manifest: Manifest): PublishedTables {
    return new PublishedTables(this.tables, manifest);
  }

  /** Rejects with a Problem. */
  async read(log: LogName, signal: AbortSignal): Promise<ReadManifest | undefined> {
    const stored = await this.#get(manifestKey(log), signal);
    if (stored === undefined) return undefined;
    const manifest = decodeManifest(stored.body);
    if (manifest === undefined) throw new Problem('corrupt', 'a manifest does not decode');
    return { manifest, etag: stored.etag };
  }

  async #get(key: string, signal: AbortSignal): ReturnType<ObjectStore['get']> {
    try {
      return await this.store.get(key, signal);
    } catch (cause) {
      throw new Problem('unavailable', 'a manifest cannot be read', { cause });
    }
  }
}

export class PublishedTables implements PublishedSessions {
  readonly manifest: Manifest;
  readonly #tables: TableStore;

  constructor(tables: TableStore, manifest: Manifest) {
    this.#tables = tables;
    this.manifest = manifest;
  }

  get at(): FoldPoint {
    return this.manifest.at;
  }

  get index(): PublishedIndex | undefined {
    return this.manifest.index;
  }

  async load(
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const { runs } = this.manifest;
    const rows = new Map(keys.map((key) => [sessionRow(key), key]));
    const found = await lookUp(this.#tables, { runs, keys: [...rows.keys()] }, signal);
    return new Map([...found].map(([row, value]) => [rows.get(row) ?? '', value]));
  }

  async *scan(
    { prefix, from = prefix }: { readonly prefix: string; readonly from?: string },
    signal: AbortSignal,
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    const { runs } = this.manifest;
    for await (const { key, value } of scan(
      this.#tables,
      { runs, from: sessionRow(from) },
      signal,
    )) {
      const name = textOf(key).slice(1);
      if (key[0] !== sessionKind || !name.startsWith(prefix)) return;
      if (value !== undefined) yield [name, value];
    }
  }

  async *catalog(range: CatalogRange, signal: AbortSignal): AsyncGenerator<CatalogPlace> {
    const { runs } = this.manifest;
    const { prefix, after } = rowRange(range);
    const entries =
      range.order === 'asc'
        ? // The first row behind one is the one with a zero byte more.
          scan(
            this.#tables,
            { runs, from: catalogRow(after === undefined ? prefix : `${after}\0`) },
            signal,
          )
        : scanBack(
            this.#tables,
            { runs, before: after === undefined ? behind(prefix) : catalogRow(after) },
            signal,
          );
    for await (const { key } of entries) {
      const row = textOf(key).slice(1);
      if (key[0] !== rowKind || !row.startsWith(prefix)) return;
      yield placeOfRow(row, prefix);
    }
  }

  async *usage(range: UsageRange, signal: AbortSignal): AsyncGenerator<UsageRow> {
    const { runs } = this.manifest;
    const { from, before } = usageBounds(range);
    const end = usageRow(before);
    for await (const { key, value } of scan(this.#tables, { runs, from: usageRow(from) }, signal)) {
      if (Buffer.compare(key, end) >= 0) return;
      if (value !== undefined) yield decodeUsage(textOf(key).slice(1), value);
    }
  }

  async *due({ fromMs, toMs }: DueRange, signal: AbortSignal): AsyncGenerator<string> {
    const { runs } = this.manifest;
    for await (const { key } of scan(this.#tables, { runs, from: dueRow(fromMs, '') }, signal)) {
      const row = textOf(key);
      if (!row.startsWith('d') || Number(row.slice(1, 1 + dueDigits)) > toMs) return;
      yield row.slice(dueDigits + 2);
    }
  }
}
