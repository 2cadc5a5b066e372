// A table that was written once and is read for ever. The fixture is never written again.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { search } from './search.ts';
import type { SearchHit } from './search-request.ts';
import type { SearchTable } from './search-table.ts';
import { openSources, signal } from './testing/sources.ts';

interface Fixture {
  readonly table: SearchTable;
  readonly body: string;
  readonly answers: readonly { readonly query: string; readonly hits: readonly SearchHit[] }[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/table-v1.json', import.meta.url), 'utf8'),
) as Fixture;

test('a table of version 1 gives the answers that it gave', async () => {
  const sources = openSources();
  const [ref] = fixture.table.run;
  await sources.objects.putIfAbsent(ref?.name ?? '', Buffer.from(fixture.body, 'base64'));
  const tables = [fixture.table];
  expect(fixture.answers.length).toBe(7);
  for (const { query, hits } of fixture.answers) {
    const answer = await search({ ...sources.of([]), tables }, { query, hitsMax: 10 }, signal);
    expect(hits.length).toBeGreaterThan(0);
    expect(answer.hits).toEqual(hits);
  }
});
