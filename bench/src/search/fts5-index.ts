import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { SearchEvent } from '@tidemark/search';
import { textsOf } from '@tidemark/search/testing';

/** SQLite's full-text index over the same texts, in memory, without a copy of them. */
export class Fts5Index {
  readonly #database: DatabaseSync;
  readonly #query: StatementSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#query = database.prepare(
      'select rowid from events where events match ? order by rank limit 10',
    );
  }

  /** Throws where this SQLite has no FTS5. */
  static of(events: readonly SearchEvent[]): Fts5Index {
    const database = new DatabaseSync(':memory:');
    database.exec(
      `create virtual table events using fts5(text, content='', tokenize='porter unicode61', detail=column)`,
    );
    const insert = database.prepare('insert into events (rowid, text) values (?, ?)');
    database.exec('begin');
    for (const [at, event] of events.entries()) insert.run(at, textsOf(event).texts.join('\n'));
    database.exec('commit');
    return new Fts5Index(database);
  }

  /** After its parts were merged. */
  get bytes(): number {
    this.#database.exec(`insert into events (events) values ('optimize')`);
    this.#database.exec('vacuum');
    const { bytes } = this.#database
      .prepare('select page_count * page_size as bytes from pragma_page_count, pragma_page_size')
      .get() as { bytes: number };
    return bytes;
  }

  /** Any of the words. */
  query(words: string): readonly unknown[] {
    const found = words.match(/[\p{L}\p{N}]+/gu) ?? [];
    return this.#query.all(found.map((word) => `"${word}"`).join(' OR '));
  }
}
